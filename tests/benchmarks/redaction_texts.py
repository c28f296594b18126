"""Texts to redact and texts to leave, drawn by family from redaction_texts.toml. Every value is made up."""

import base64
import json
import re
import string
import tomllib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

Draw = Callable[[Random, bool], str]
"""A text of a family: of its `drawn` flavour, or of the one `held_out`."""

_DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_FIELD = re.compile(r"\{([a-z]\w*)(?::([^}]*))?\}|[#@&]")
_ALNUM, _HEX = string.ascii_letters + string.digits, "0123456789abcdef"
_URL, _CAPITALS = _ALNUM + "-_", string.ascii_uppercase + string.digits


def _drawn(random: Random, alphabet: str, count: int) -> str:
    return "".join(random.choices(alphabet, k=count))


def _number(random: Random, digits: int) -> str:
    return random.choice("123456789") + _drawn(random, string.digits, digits - 1)


def _moment(random: Random) -> datetime:
    zone = timezone(timedelta(hours=random.randint(-11, 13)))
    return datetime(1995, 1, 1, tzinfo=zone) + timedelta(seconds=random.randrange(40 * 365 * 86_400))


def _thirteen(first: str) -> str:
    """With the check digit of an EAN (GS1 general specifications, 7.9)."""
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first))
    return first + str(-weighed % 10)


def _isbn10(random: Random) -> str:
    nine = _drawn(random, string.digits, 9)
    return nine + "0123456789X"[-sum((10 - place) * int(digit) for place, digit in enumerate(nine)) % 11]


def luhn(digits: str) -> str:
    """The digits with the check digit of ISO/IEC 7812-1 after them."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


_FIELDS: dict[str, Callable[[Random], object]] = {
    "at": lambda _: "@",
    "and": lambda _: "&",
    "hash": lambda _: "#",
    "moment": _moment,
    "ip": lambda random: ".".join(str(random.randint(1, 255)) for _ in range(4)),
    "ip6": lambda random: ":".join(f"{random.getrandbits(16):x}" for _ in range(8)),
    "port": lambda random: random.randint(80, 65_535),
    "host": lambda random: f"db{random.randint(1, 99)}.example.com",
    "lat": lambda random: random.uniform(-90, 90),
    "lon": lambda random: random.uniform(-180, 180),
    "amount": lambda random: random.uniform(100, 10**9),
    "spaced": lambda random: f"{random.randint(1_000, 10**9):,}".replace(",", " "),
    "dotted": lambda random: f"{random.randint(1_000, 10**9):,}".replace(",", "."),
    "low": lambda random: random.randint(10, 10**6),
    "high": lambda random: random.randint(10**6, 2 * 10**6),
    "number": lambda random: _number(random, random.choice((7, 9, 10, 12, 16, 19))),
    "seconds": lambda random: random.randint(10**9, 2 * 10**9),
    "isbn10": _isbn10,
    "isbn13": lambda random: _thirteen("97" + random.choice("89") + _drawn(random, string.digits, 9)),
    "ean": lambda random: _thirteen(_number(random, 12)),
    "uuid": lambda random: uuid.UUID(int=random.getrandbits(128), version=4),
    "sha256": lambda random: _drawn(random, _HEX, 64),
    "base64": lambda random: base64.b64encode(random.randbytes(60)).decode(),
}


def written(random: Random, shape: str) -> str:
    """A shape of redaction_texts.toml with its fields drawn; `later` is after `moment`."""
    moment = _moment(random)
    later = moment + timedelta(days=random.randint(1, 400))

    def field(match: re.Match[str]) -> str:
        name, form = match[1], match[2] or ""
        if name is None:
            return random.choice({"#": string.digits, "@": string.ascii_uppercase, "&": _HEX}[match[0]])
        value = {"moment": moment, "later": later}.get(name) or _FIELDS[name](random)
        return format(value, form)

    return _FIELD.sub(field, shape)


def _said(random: Random, say: str, held_out: bool, value: str) -> str:
    return str(random.choice(_DATA["say"][say][_flavour(held_out)])).replace("{}", value)


def _flavour(held_out: bool) -> str:
    return "held_out" if held_out else "drawn"


def _harmless(family: dict[str, Any], random: Random, held_out: bool) -> str:
    value = written(random, random.choice(family[_flavour(held_out)]))
    if family.get("other_digits"):
        zero = ord(random.choice("০௦๐" if held_out else "٠०۰０"))
        value = "".join(chr(zero + int(char)) if char.isdigit() else char for char in value)
    return _said(random, family["say"], held_out, value)


HARMLESS: dict[str, Draw] = {name: partial(_harmless, family) for name, family in _DATA["harmless"].items()}


REGIONS = (
    *(
        "US",
        "GB",
        "DE",
        "FR",
        "ES",
        "IT",
        "NL",
        "PL",
        "SE",
        "CH",
        "AT",
        "TR",
        "RU",
        "UA",
        "IN",
        "CN",
        "JP",
        "KR",
        "BR",
        "MX",
    ),
    *("AR", "AU", "ZA", "NG", "EG", "SA", "ID", "VN", "TH", "PT", "CZ", "GR", "IL", "CA", "DK"),
)


def _phone(random: Random, form: int) -> str:
    kind = random.choice((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE))
    example = phonenumbers.example_number_for_type(random.choice(REGIONS), kind)
    assert example is not None
    first = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    while True:
        tail = random.randint(4, 6)
        number = phonenumbers.parse(first[:-tail] + _drawn(random, string.digits, tail))
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, form)


def _international(random: Random, held_out: bool) -> str:
    spaced = _phone(random, PhoneNumberFormat.INTERNATIONAL)
    plain = re.sub(r"[^+\d]", "", spaced)
    code, _, rest = spaced.partition(" ")
    drawn = (
        spaced,
        plain,
        spaced.replace(" ", "-"),
        spaced.replace(" ", "."),
        f"({code}) {rest}",
        spaced.replace(" ", "\u00a0"),
    )
    kept_aside = (
        f"{code}-{rest}",
        f"{code}{rest}",
        f"{code} {plain[len(code) :]}",
        spaced.replace("+", "＋"),
        f"{code}/{rest}",
        f"{code} {rest.replace(' ', chr(0x2011))}",
    )
    return _said(random, "bare", held_out, random.choice(kept_aside if held_out else drawn))


def _national(random: Random, held_out: bool) -> str:
    spaced = _phone(random, PhoneNumberFormat.NATIONAL)
    plain = re.sub(r"\D", "", spaced)
    drawn = (spaced, plain, spaced.replace(" ", "-"), spaced.replace(" ", "."), spaced.replace("-", " "))
    kept_aside = (
        spaced,
        plain,
        spaced.replace("-", ""),
        spaced.replace(" ", "\u00a0"),
        spaced.replace(" ", " - ", 1),
        spaced.replace(" ", ""),
    )
    return _said(random, "phone", held_out, random.choice(kept_aside if held_out else drawn))


_ISSUERS: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = (
    (("4",), (16, 16, 16, 13, 19)),
    (("51", "52", "53", "54", "55", "2221", "2500", "2720"), (16,)),
    (("34", "37"), (15,)),
    (("300", "305", "36", "38"), (14,)),
    (("6011", "65", "644"), (16,)),
    (("3528", "3589"), (16,)),
    (("62",), (16, 17, 18, 19)),
    (("5018", "5020", "6304", "6759"), (16, 12, 19)),
    (("2200", "2204"), (16,)),
    (("6070", "6521", "8201"), (16,)),
)
"""(first digits, lengths) of Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay, Maestro, Mir and RuPay."""
_SIZES = {15: (4, 6, 5), 14: (4, 6, 4), 13: (4, 4, 4, 1)}


def _card(random: Random, held_out: bool) -> str:
    prefixes, lengths = random.choice(_ISSUERS)
    first, length = random.choice(prefixes), random.choice(lengths)
    number = luhn(first + _drawn(random, string.digits, length - 1 - len(first)))
    groups, at = [], 0
    for size in _SIZES.get(length, (4, 4, 4, 4, 4)):
        groups.append(number[at : at + size])
        at += size
    value = random.choice((".", "\u2011", "  ", " ", "") if held_out else (" ", "-", "", "\u00a0", " - ")).join(
        filter(None, groups)
    )
    bare = length in (14, 15, 16) and random.random() < 0.3
    return _said(random, "card_bare" if bare else "card", held_out, value)


_MAILS = (
    (
        *("ann.lee@example.com", "bob+spam@mail.example.co.uk", "a_b-c@sub.example.org", "INFO@EXAMPLE.DE"),
        *("x99@163.com", "o'neil@example.ie", "n.n@a-b.io", '"ann lee"@example.com'),
    ),
    (
        *("first.last@company.museum", "user%list@example.net", "me@xn--exmple-cua.de", "ann@firma.technology"),
        *("ann!x@example.com", "1234567890@qq.com", "a@b.co", "no-reply@news.shop.example"),
    ),
)
_INTERNATIONAL_MAILS = (
    (
        *("jürgen@exämple.de", "用户@例子.公司", "пользователь@пример.рф", "ann@münchen.example"),
        *("संपर्क@डाटामेल.भारत", "محمد@مثال.السعودية"),
    ),
    (
        *("δοκιμή@παράδειγμα.ελ", "josé.garcía@correo.es", "用戶@網路.台灣", "ユーザー@例え.jp"),
        *("사용자@예시.한국", "zoë+x@naïve.fr", "имя.фамилия@почта.рф", "ผู้ใช้@ตัวอย่าง.ไทย"),
    ),
)


def _mail(some: tuple[tuple[str, ...], tuple[str, ...]], random: Random, held_out: bool) -> str:
    return _said(random, "mail", held_out, random.choice(some[held_out]))


def _token(random: Random) -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": _number(random, 10)}).encode(), random.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


_PASSWORDS: tuple[Callable[[Random], str], ...] = (
    lambda r: (
        r.choice(("Sommer", "Winter", "hunter", "qwerty", "Dragon", "monkey"))
        + str(r.randint(10, 2030))
        + r.choice(("", "!", "#"))
    ),
    lambda r: _drawn(r, _ALNUM, 9) + str(r.randint(0, 9)),
    lambda r: f"{_drawn(r, string.ascii_lowercase, 5)}{r.choice('!@#$%^*')}{_drawn(r, _ALNUM, 5)}{r.randint(0, 9)}",
    lambda r: f"{r.choice(string.ascii_uppercase)}{_drawn(r, string.ascii_lowercase, 4)}-{_drawn(r, string.digits, 3)}",
    lambda r: f"P@ssw0rd{r.randint(1, 99)}",
)


def _password(random: Random, held_out: bool) -> str:
    return _said(random, "password", held_out, random.choice(_PASSWORDS)(random))


_IBANS = {
    "DE": "n" * 18,
    "FR": "n" * 10 + "c" * 11 + "nn",
    "GB": "aaaa" + "n" * 14,
    "NL": "aaaa" + "n" * 10,
    "ES": "n" * 20,
    "IT": "a" + "n" * 10 + "c" * 12,
    "PL": "n" * 24,
    "NO": "n" * 11,
    "MT": "aaaa" + "n" * 5 + "c" * 18,
    "CH": "nnnnn" + "c" * 12,
}


def _iban(random: Random, held_out: bool) -> str:
    country, shape = random.choice(list(_IBANS.items()))
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}
    account = "".join(random.choice(alphabets[kind]) for kind in shape)
    check = 98 - int("".join(str(int(char, 36)) for char in f"{account}{country}00")) % 97
    value = f"{country}{check:02}{account}"
    if random.random() < 0.6:
        value = random.choice((" ", "-") if held_out else (" ", "\u00a0")).join(re.findall(".{1,4}", value))
    return _said(random, "iban", held_out, value.lower() if random.random() < 0.2 else value)


def _ssn(random: Random, held_out: bool) -> str:
    area = random.choice([area for area in range(1, 900) if area != 666])
    parts = f"{area:03}", f"{random.randint(1, 99):02}", f"{random.randint(1, 9999):04}"
    return _said(random, "ssn", held_out, random.choice(("-", " ", "")).join(parts))


def _pem(random: Random, kinds: tuple[str, ...] = ("RSA ", "EC ", "OPENSSH ", "")) -> str:
    kind, body = random.choice(kinds), base64.encodebytes(random.randbytes(300)).decode()
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----"


def _armour(pem: str) -> str:
    """As PGP writes it (RFC 9580, section 6.2)."""
    return pem.replace("KEY-----", "KEY BLOCK-----").replace("-----\n", "-----\nVersion: GnuPG v2\n\n", 1)


def _connection(random: Random) -> str:
    scheme = random.choice(("postgres", "mysql", "mongodb+srv", "redis", "amqp", "https"))
    return (
        f"{scheme}://{random.choice(('app', 'root', ''))}:{_drawn(random, _ALNUM + '!*-_.', 12)}@db.example.com:5432/x"
    )


KEYS: dict[str, Callable[[Random], str]] = {
    "AWS": lambda r: r.choice(("AKIA", "ASIA")) + _drawn(r, string.ascii_uppercase + string.digits, 16),
    "AWS secret": lambda r: f"aws_secret_access_key={_drawn(r, _ALNUM + '/+', 40)}",
    "Google": lambda r: "AIza" + _drawn(r, _ALNUM, 35),
    "GitHub": lambda r: r.choice(("ghp_", "gho_", "ghs_")) + _drawn(r, _ALNUM, 36),
    "GitHub, fine-grained": lambda r: f"github_pat_{_drawn(r, _ALNUM, 22)}_{_drawn(r, _ALNUM, 59)}",
    "GitLab": lambda r: "glpat-" + _drawn(r, _ALNUM, 20),
    "Slack": lambda r: f"{r.choice(('xoxb', 'xoxp'))}-{_number(r, 12)}-{_number(r, 13)}-{_drawn(r, _ALNUM, 24)}",
    "Stripe": lambda r: f"{r.choice(('sk', 'rk'))}_{r.choice(('live', 'test'))}_{_drawn(r, _ALNUM, 24)}",
    "OpenAI": lambda r: f"sk-{_drawn(r, _ALNUM, 20)}T3BlbkFJ{_drawn(r, _ALNUM, 20)}",
    "OpenAI project": lambda r: f"sk-proj-{_drawn(r, _URL, 74)}T3BlbkFJ{_drawn(r, _ALNUM, 74)}",
    "Anthropic": lambda r: f"sk-ant-api03-{_drawn(r, _URL, 93)}AA",
    "Hugging Face": lambda r: "hf_" + _drawn(r, string.ascii_letters, 34),
    "npm": lambda r: "npm_" + _drawn(r, _ALNUM, 36),
    "PyPI": lambda r: "pypi-AgEIcHlwaS5vcmc" + _drawn(r, _ALNUM, 150),
    "Twilio": lambda r: "SK" + _drawn(r, _HEX, 32),
    "SendGrid": lambda r: f"SG.{_drawn(r, _ALNUM, 22)}.{_drawn(r, _ALNUM, 43)}",
    "Mailgun": lambda r: "key-" + _drawn(r, _HEX, 32),
    "DigitalOcean": lambda r: "dop_v1_" + _drawn(r, _HEX, 64),
    "Shopify": lambda r: "shpat_" + _drawn(r, _HEX, 32),
    "Square": lambda r: "sq0atp-" + _drawn(r, _ALNUM, 22),
    "Azure Storage": lambda r: f"AccountName=a;AccountKey={base64.b64encode(r.randbytes(64)).decode()};x=1",
    "Telegram bot": lambda r: f"{_number(r, 10)}:AA{_drawn(r, _ALNUM, 33)}",
    "Discord bot": lambda r: f"M{_drawn(r, _ALNUM, 23)}.{_drawn(r, _ALNUM, 6)}.{_drawn(r, _ALNUM, 38)}",
    "Databricks": lambda r: "dapi" + _drawn(r, _HEX, 32),
    "Linear": lambda r: "lin_api_" + _drawn(r, _ALNUM, 40),
    "Notion": lambda r: f"ntn_{_number(r, 11)}{_drawn(r, _ALNUM, 35)}",
    "Vault": lambda r: "hvs." + _drawn(r, _ALNUM, 95),
    "JSON Web Token": _token,
    "PEM": _pem,
    "PEM, cut off": lambda r: _pem(r)[:220],
    "PGP": lambda r: _armour(_pem(r, ("PGP ",))),
    "AWS secret, said": lambda r: f"my AWS secret access key is {_drawn(r, _ALNUM + '/+', 40)}",
    "AWS pair": lambda r: f"AKIA{_drawn(r, _CAPITALS, 16)}:{_drawn(r, _ALNUM, 40)}",
    "Google service account": lambda r: json.dumps({"type": "service_account", "private_key": _pem(r, ("",))}),
    "Azure SAS": lambda r: f"https://a.blob.core.windows.net/c?sv=2022-11-02&sig={_drawn(r, _ALNUM, 43)}%3D",
    "Azure subscription": lambda r: f"Ocp-Apim-Subscription-Key: {_drawn(r, _HEX, 32)}",
    "Azure client secret": lambda r: f"{_drawn(r, _ALNUM, 3)}8Q~{_drawn(r, _URL + '.~', 33)}Z",
    "Slack webhook": lambda r: (
        f"https://hooks.slack.com/services/T{_drawn(r, _CAPITALS, 8)}/B{_drawn(r, _CAPITALS, 8)}/"
        f"{_drawn(r, _ALNUM, 24)}"
    ),
    "Heroku": lambda r: f"HEROKU_API_KEY={uuid.UUID(int=r.getrandbits(128), version=4)}",
    "Doppler": lambda r: f"dp.pt.{_drawn(r, _ALNUM, 43)}",
    "basic": lambda r: f"Authorization: Basic {base64.b64encode(_drawn(r, _ALNUM, 20).encode()).decode()}",
    "session cookie": lambda r: f"Cookie: JSESSIONID={_drawn(r, _HEX, 32).upper()}; theme=dark",
    "wallet": lambda r: f"private key: 0x{_drawn(r, _HEX, 64)}",
    "connection string": _connection,
    "bearer": lambda r: f"Authorization: Bearer {_drawn(r, _ALNUM, 40)}",
    "named secret": lambda r: f'{r.choice(("API_KEY", "clientSecret", "auth_token"))}="{_drawn(r, _ALNUM, 32)}"',
    "Uptake": lambda r: f"{_drawn(r, _HEX, 16)}.{_drawn(r, _ALNUM, 43)}",
    "Groq": lambda r: f"gsk_{_drawn(r, _ALNUM, 52)}",
    "xAI": lambda r: f"xai-{_drawn(r, _ALNUM, 80)}",
    "Grafana": lambda r: f"glsa_{_drawn(r, _ALNUM, 32)}_{_drawn(r, _HEX, 8)}",
    "Atlassian": lambda r: "ATATT3" + _drawn(r, _ALNUM, 186),
}


def _key(random: Random, held_out: bool) -> str:
    return _said(random, "key", held_out, random.choice(list(KEYS.values()))(random))


SENSITIVE: dict[str, tuple[str, Draw]] = {
    "phones, with a plus": ("[phone]", _international),
    "phones, national, a word": ("[phone]", _national),
    "cards": ("[card]", _card),
    "e-mail": ("[email]", partial(_mail, _MAILS)),
    "e-mail, internationalised": ("[email]", partial(_mail, _INTERNATIONAL_MAILS)),
    "keys": ("[key]", _key),
    "passwords": ("[key]", _password),
    "IBANs": ("[iban]", _iban),
    "Social Security numbers": ("[ssn]", _ssn),
}
"""By family: what stands for it afterwards, and how it is drawn."""
