# The service with its embedded database and with traces. Plain on purpose: it was written where no engine could build it.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY clients/python clients/python
COPY packages packages
COPY service service
RUN python -m venv /opt/uptake && /opt/uptake/bin/pip install --no-cache-dir ./clients/python ./packages/uptake-embedded '.[embedded,tracing]'

FROM python:3.11-slim
RUN useradd --system --create-home --uid 10001 uptake && install -d -o uptake -g uptake /data
COPY --from=build /opt/uptake /opt/uptake
ENV PATH=/opt/uptake/bin:$PATH UPTAKE_DATA_DIR=/data
USER uptake
VOLUME /data
EXPOSE 50051 9464
# With TLS it also needs UPTAKE_TLS_CA_FILE, and a certificate that is for localhost too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["uptake", "health"]
ENTRYPOINT ["uptake"]
# To be reached from outside the container it must listen beyond loopback: see docs/operations.md.
CMD ["serve"]
