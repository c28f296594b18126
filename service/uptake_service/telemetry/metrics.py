"""The metrics of a process, for Prometheus. No label is a user's word or an id."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from uptake.v1 import correction_pb2, feedback_pb2, insight_pb2, project_pb2, review_pb2

_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in (feedback_pb2, review_pb2, insight_pb2, correction_pb2, project_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_UNKNOWN = "unknown"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CLUSTERING_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class MethodCalls:
    """The calls of one method."""

    def __init__(self, in_progress: Gauge, ended: Counter, seconds: Histogram | None, method: str) -> None:
        self._in_progress = in_progress.labels(method)
        self._ended = ended
        self._seconds = seconds.labels(method) if seconds else None
        self._method = method
        self._codes: dict[str, Counter] = {}

    def begin(self) -> None:
        self._in_progress.inc()

    def end(self, code: str, seconds: float) -> None:
        """Counts a call that began; `code` is the name of its status code."""
        self._in_progress.dec()
        self.refuse(code)
        if self._seconds:
            self._seconds.observe(seconds)

    def refuse(self, code: str) -> None:
        """Counts a call that never began."""
        counted = self._codes.get(code)
        if counted is None:
            counted = self._codes[code] = self._ended.labels(self._method, code)
        counted.inc()


class Metrics:
    """Everything that is measured; each part is given it and changes what is its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("uptake_build", "The versions of the service and of Python.", registry=self.registry).info(
            {"version": version("uptake-service"), "python": platform.python_version()}
        )

        self._measure_calls()
        self._measure_intake()
        self._measure_subscribers()
        self._measure_jobs()

    def _measure_calls(self) -> None:
        self._in_progress = self._gauge("uptake_calls_in_progress", "Calls that are being answered.", ("method",))
        self._ended = self._count("uptake_calls", "Calls answered, by method and status code.", ("method", "code"))
        self._seconds = self._histogram(
            "uptake_call_seconds", "Time to answer a call, without streams.", _SECONDS, ("method",)
        )
        self._calls: dict[str, MethodCalls] = {}
        self._known_jobs: set[str] = set()

        self.reads_running = self._gauge("uptake_reads_running", "Reads that have begun, also of callers that left.")
        self.reads_waiting = self._gauge("uptake_reads_waiting", "Reads that wait for others to end.")
        self.streams_open = self._gauge("uptake_streams_open", "Subscriptions and streams of feedback that are open.")
        self._limited = self._count(
            "uptake_limited", "Calls, and items of batches and streams, refused by a limit, by the limit.", ("limit",)
        )
        self.bytes_in_flight = self._gauge("uptake_bytes_in_flight", "Bytes that calls in progress hold.")
        self.messages_awaited = self._gauge(
            "uptake_messages_awaited", "Calls and streams whose next message has not arrived."
        )

    def _measure_intake(self) -> None:
        self.intake_waiting = self._gauge(
            "uptake_intake_waiting", "Pieces of feedback, amendments and retractions that wait for a commit."
        )
        self._batches = self._count("uptake_batches", "Batches of feedback, by how they ended.", ("outcome",))
        self._batch_size = self._histogram(
            "uptake_batch_size", "Pieces of feedback, amendments and retractions in a committed batch.", _BATCH_SIZES
        )
        self._commit_seconds = self._histogram(
            "uptake_commit_seconds", "Time to commit a batch, without its wait in the queue.", _SECONDS
        )
        self.trigger_seconds = self._histogram("uptake_trigger_seconds", "Time of the trigger after a batch.", _SECONDS)
        self.oldest_mark_seconds = self._gauge(
            "uptake_trigger_mark_age_seconds",
            "Age of the oldest pattern that waits for the trigger; 0 where another process has the lease to look.",
        )

        self.delta_log_changes = self._gauge(
            "uptake_delta_log_changes", "Changes of numbers that this process committed and has not compacted yet."
        )
        self.delta_log_age_seconds = self._gauge(
            "uptake_delta_log_age_seconds", "For how long the oldest of them has been waiting; a few seconds is usual."
        )

    def _measure_subscribers(self) -> None:
        self.subscribers = self._gauge("uptake_subscribers", "Subscribers of this process.")
        self.change_stream_silent_seconds = self._gauge(
            "uptake_change_stream_silent_seconds",
            "Time since the change stream last said anything; one that works does so twice a second.",
        )
        self.event_delay_seconds = self._histogram(
            "uptake_event_delay_seconds",
            "Time from an event, by the database's clock, to its arrival by the change stream, by this machine's.",
            _SECONDS,
        )
        self.events_filled = self._count(
            "uptake_events_filled", "Events read from the log because the change stream did not bring them."
        )
        self._subscribers_ended = self._count(
            "uptake_subscribers_ended", "Subscribers gone, by the reason.", ("reason",)
        )

    def _measure_jobs(self) -> None:
        self.retention_overdue_seconds = self._gauge(
            "uptake_retention_overdue_seconds",
            "For how long feedback past its retention has been waiting to be deleted; 0 where another process deletes.",
        )
        self._clustering_seconds = self._histogram(
            "uptake_clustering_seconds", "Time of a run that looked for issues.", _CLUSTERING_SECONDS
        )
        self._clustering_runs = self._count(
            "uptake_clustering_runs", "Runs that looked for issues, by how they ended.", ("outcome",)
        )
        self._clustering_success = self._gauge(
            "uptake_clustering_last_success_timestamp_seconds",
            "Unix time at which a run of this process last published issues; 0 before the first.",
        )
        self.leases_held = self._gauge(
            "uptake_leases_held", "Leases of background jobs that this process holds.", ("job",)
        )
        self._set_aside = self._gauge(
            "uptake_jobs_set_aside",
            "What background jobs failed at again and again and try rarely from then on; 0 where another process has "
            "the lease to look.",
            ("job",),
        )
        self.database_up = self._gauge("uptake_database_up", "1 while the database answers, else 0.")

    def tell_set_aside(self, counts: Mapping[str, int]) -> None:
        """Sets how many items each job has set aside."""
        for job in {*counts, *self._known_jobs}:
            self._set_aside.labels(job).set(counts.get(job, 0))
        self._known_jobs |= set(counts)

    def calls(self, path: str) -> MethodCalls:
        """The calls of a method, by its full name; those that the contract does not have are one."""
        path = path if path in _METHODS else _UNKNOWN
        calls = self._calls.get(path)
        if calls is None:
            method = _METHODS.get(path)
            streams = method is None or method.client_streaming or method.server_streaming
            calls = self._calls[path] = MethodCalls(
                self._in_progress, self._ended, None if streams else self._seconds, method.name if method else path
            )
        return calls

    def limited(self, limit: str) -> None:
        self._limited.labels(limit).inc()

    def batch_committed(self, size: int, seconds: float) -> None:
        self._batches.labels("committed").inc()
        self._batch_size.observe(size)
        self._commit_seconds.observe(seconds)

    def batch_failed(self, outcome: str) -> None:
        self._batches.labels(outcome).inc()

    def subscriber_ended(self, reason: str) -> None:
        self._subscribers_ended.labels(reason).inc()

    def clustering_ended(self, outcome: str, seconds: float) -> None:
        self._clustering_runs.labels(outcome).inc()
        self._clustering_seconds.observe(seconds)
        if outcome == "published":
            self._clustering_success.set_to_current_time()

    def _gauge(self, name: str, description: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, description, labels, registry=self.registry)

    def _count(self, name: str, description: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, description, labels, registry=self.registry)

    def _histogram(
        self, name: str, description: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(name, description, labels, buckets=buckets, registry=self.registry)
