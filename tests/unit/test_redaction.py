"""What is redacted, and what is left as it was said."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from re import _parser  # type: ignore[attr-defined]  # It is private, and the only reader of patterns.
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.ingest.redaction import (
    PLACEHOLDERS,
    accounts,
    context,
    emails,
    named,
    numbers,
    phones,
    redacted,
    redacting,
    scripts,
    words,
)
from uptake_service.ingest.redaction import cards as cards_module
from uptake_service.ingest.redaction import looks as looks_module
from uptake_service.ingest.redaction import steps as steps_module
from uptake_service.ingest.redaction.cards import is_card
from uptake_service.ingest.redaction.keys import SHAPES, Shape
from uptake_service.ingest.redaction.looks import looks_random
from uptake_service.ingest.redaction.plans import international, load_plans
from uptake_service.ingest.redaction.steps import paced

from tests.benchmarks.redaction_attacks import ATTACKS, REGIONS
from tests.benchmarks.redaction_texts import HARMLESS, KEYS, SENSITIVE, Draw, luhn

EACH = pytest.mark.parametrize


@EACH(
    ("said", "kept"),
    [
        ("write to ann.lee+x@mail.example.co.uk, please", "write to [email], please"),
        ("mailto:o'neil@example.ie", "mailto:[email]"),
        ('"ann lee"@example.com', "[email]"),
        ("'ann@example.com'", "'[email]'"),
        ("jürgen@exämple.de", "[email]"),
        ("संपर्क@डाटामेल.भारत", "[email]"),
        ("пользователь@пример.рф", "[email]"),
        ("请发邮件到bob@example.com谢谢", "请发邮件到[email]谢谢"),
        ("用户@例子.公司谢谢", "[email]谢谢"),
        ("info＠example.jp", "[email]"),
        ("bob@example.com.Then I left", "[email].Then I left"),
    ],
)
def test_email_addresses_are_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept


@EACH(
    ("said", "kept"),
    [
        # A plus, or 00 and groups.
        ("call +49 151 23456789 or (415) 555-2671", "call [phone] or [phone]"),
        ("+44 7700 900123", "[phone]"),
        ("+49 (0)151 23456789", "[phone]"),
        ("tel:+4915123456789", "tel:[phone]"),
        ("0049 151 23456789", "[phone]"),
        ("＋81 90-1234-5678", "[phone]"),
        ("+1 415-555-2671 ext. 23", "[phone]"),
        ("<+49 151 23456789>", "<[phone]>"),
        # The writing of a country.
        ("0151 23456789", "[phone]"),
        ("06 12 34 56 78", "[phone]"),
        ("1. 0151 23456789", "1. [phone]"),
        ("415-555-2671", "[phone]"),
        ("(030) 12345678", "[phone]"),
        # A word.
        ("tel. 020 7946 0958.", "tel. [phone]."),
        ("Please call me. 4155552671 works best", "Please call me. [phone] works best"),
        ("call me about my order at 4155552671", "call me about my order at [phone]"),
        ("Tel. 0151 23456789 0152 34567890, 0160/1234567", "Tel. [phone] [phone], [phone]"),
        ("phone 555-1234", "phone [phone]"),
        ("wa.me/4915123456789", "wa.me/[phone]"),
        ('{"id": 4155552671, "phone": "4155552671"}', '{"id": 4155552671, "phone": "[phone]"}'),
        ("我的手机号码是13812345678谢谢", "我的手机号码是[phone]谢谢"),
        ("03-1234-5678に電話してください", "[phone]に電話してください"),
        ("мой телефон 8 (916) 123-45-67", "мой телефон [phone]"),
        ("llámame al 612 345 678", "llámame al [phone]"),
        ("उसका फ़ोन नंबर 98765 43210 है", "उसका फ़ोन नंबर [phone] है"),
        ("اتصل بي على ٠٥٠١٢٣٤٥٦٧", "اتصل بي على [phone]"),
        ("on 2024-02-03 10:30 I left my number: 0151/2345678", "on 2024-02-03 10:30 I left my number: [phone]"),
        # Where somebody is called at or from, and a message is sent to.
        ("Who called me from 07880729022?", "Who called me from [phone]?"),
        ("Kindly contact Mr. Okafor on 08033799075 for pickup", "Kindly contact Mr. Okafor on [phone] for pickup"),
        ("The code never came to 6695975824", "The code never came to [phone]"),
        ("Unter 0664 786 12 21 geht niemand ran", "Unter [phone] geht niemand ran"),
        ("תתקשרו אליי ל-03-0453457", "תתקשרו אליי ל-[phone]"),
        # Whose it is, and what the word for it is said of.
        ("My wife: 98612 22029", "My wife: [phone]"),
        ("El número de mi madre es 677232679", "El número de mi madre es [phone]"),
        ("यह मेरा नया नंबर है 9820888023", "यह मेरा नया नंबर है [phone]"),
        ("Phone of the customer: 0803 612 2202", "Phone of the customer: [phone]"),
        (
            "My account fails as 412 524 2731 isn't my phone anymore",
            "My account fails as [phone] isn't my phone anymore",
        ),
        ("T: (020) 7167 6122 | M: 07029729975", "T: [phone] | M: [phone]"),
        ("Saludos, Marta — 653 54 93 06", "Saludos, Marta — [phone]"),
        # The writing of where a script is written.
        ("昨日090-6992-7681から着信がありました", "昨日[phone]から着信がありました"),
        ("김민수 010-3286-4124", "김민수 [phone]"),
        ("李师傅 13812345678", "李师傅 [phone]"),
        ("Олег, 8 916 123-45-67", "Олег, [phone]"),
        ("打+86-131-2366-3062", "打[phone]"),
        # Forms of words, and letters.
        ("رقم الموبايل 010 6612 5009", "رقم الموبايل [phone]"),
        ("İletişim: 532 562 41 80", "İletişim: [phone]"),
        ("06-65-41-16-76 m'appelle sans cesse", "[phone] m'appelle sans cesse"),
    ],
)
def test_phone_numbers_are_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept


@EACH(
    ("said", "kept"),
    [
        ("my card 4111 1111 1111 1111 is refused", "my card [card] is refused"),
        ("5500-0000-0000-0004", "[card]"),
        ("4111111111111111", "[card]"),
        ("3782 822463 10005", "[card]"),
        ("4111 1111 1111 1111 12/25 123", "[card] 12/25 123"),
        ("4111 1111 1111 1111 123", "[card] 123"),
        ("order no 12345, 4111111111111111", "order no 12345, [card]"),
        ("order no 4111 1111 1111 1111", "order no [card]"),
        ("Visa 4222222222222", "Visa [card]"),
        ("visa4111111111111111", "visa[card]"),
        ("card=4111111111111111", "card=[card]"),
        ("我的信用卡号是４１１１１１１１１１１１１１１１", "我的信用卡号是[card]"),
        # What is written after a card number says that it is one.
        (
            "INSERT INTO payments VALUES ('4111111111111111', '12/27')",
            "INSERT INTO payments VALUES ('[card]', '12/27')",
        ),
        ("4111111111111111|09|27|123", "[card]|09|27|123"),
    ],
)
def test_card_numbers_are_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept


@EACH(
    ("said", "kept"),
    [
        ("key AKIAIOSFODNN7EXAMPLE", "key [key]"),
        ("Bearer sk-proj-abcdefghijklmnopqrstuvwxyz0123", "Bearer [key]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.dozjgNryP4J3jVmNHl0w5N", "[key]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[key]\nb"),
        ("-----BEGIN PRIVATE KEY-----\n" + "MIIE" * 16 + "\nis cut off here", "[key]\nis cut off here"),
        ("0123456789abcdef." + "A" * 43, "[key]"),
        ("postgres://app:hunter2@db.example.com:5432/x", "postgres://app:[key]@db.example.com:5432/x"),
        ("AccountName=a;AccountKey=" + "a1B2" * 21 + "aA==;x=y", "AccountName=a;AccountKey=[key];x=y"),
    ],
)
def test_keys_are_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept


_AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"


@EACH(
    ("said", "kept"),
    [
        ("password=hunter2", "password=[key]"),
        ("https://example.com/?user=a&password=hunter&x=1", "https://example.com/?user=a&password=[key]&x=1"),
        ("mysql -u root --password=hunter db", "mysql -u root --password=[key] db"),
        ("DB_PASSWORD=swordfish", "DB_PASSWORD=[key]"),
        ("export PGPASSWORD=a1b2c3", "export PGPASSWORD=[key]"),
        ('{"user": "ann", "password": "hunter"}', '{"user": "ann", "password": "[key]"}'),
        (r"{\"password\": \"hunter\"}", r"{\"password\": \"[key]\"}"),
        ('def f(password: str = "hunter2"): pass', 'def f(password: str = "[key]"): pass'),
        ("pwd: abc123, thanks", "pwd: [key], thanks"),
        ("my password is hunter2.", "my password is [key]."),
        ("my password for the portal is P@ssw0rd!", "my password for the portal is [key]"),
        ("login ann, password P@ssw0rd91", "login ann, password [key]"),
        ("Mein Passwort ist Geheim123.", "Mein Passwort ist [key]."),
        ("mot de passe : Chien1234", "mot de passe : [key]"),
        ("la contraseña es Perro1234", "la contraseña es [key]"),
        ("мой пароль: Кошка123", "мой пароль: [key]"),
        ("密码是abc12345谢谢", "密码是[key]谢谢"),
        ("パスワードはabc12345です", "パスワードは[key]です"),
        ("비밀번호는 abc12345 입니다", "비밀번호는 [key] 입니다"),
        ("Server=db;User Id=sa;Password=abc;Timeout=5", "Server=db;User Id=sa;Password=[key];Timeout=5"),
        ("jdbc:postgresql://h/db?user=a&password=s3cret", "jdbc:postgresql://h/db?user=a&password=[key]"),
        ("jdbc:oracle:thin:app/tiger@//db:1521/x", "jdbc:oracle:thin:app/[key]@//db:1521/x"),
        ("mongodb+srv://user:pw@cluster0.mongodb.net", "mongodb+srv://user:[key]@cluster0.mongodb.net"),
        ("postgres://u:p@ss@host/db", "postgres://u:[key]@host/db"),
        ("redis://:pw@h", "redis://:[key]@h"),
        ("CREATE USER ann IDENTIFIED BY 'tiger'", "CREATE USER ann IDENTIFIED BY '[key]'"),
        ("curl -u ann:tiger1 https://example.com", "curl -u ann:[key] https://example.com"),
        (f"my AWS secret access key is {_AWS_SECRET}", "my AWS secret access key is [key]"),
        (f"AKIAQWJ7RTZ2MNB4XCV6\n{_AWS_SECRET}", "[key]\n[key]"),
        ("Ocp-Apim-Subscription-Key: 5f0c9e2b7a4d8136c5e0f9a2b7d41836", "Ocp-Apim-Subscription-Key: [key]"),
        ("heroku api key 5f0c9e2b-7a4d-8136-c5e0-f9a2b7d41836", "heroku api key [key]"),
        ("Cookie: JSESSIONID=5F0C9E2B7A4D8136C5E0F9A2; a=b", "Cookie: JSESSIONID=[key]; a=b"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: a-b\n\nlQO\n-----END PGP PRIVATE KEY BLOCK-----", "[key]"),
    ],
)
def test_what_its_name_calls_a_secret_is_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept
    assert redacted(kept) == kept


@EACH(
    ("said", "kept"),
    [
        ("IBAN DE89 3704 0044 0532 0130 00, please", "IBAN [iban], please"),
        ("de89370400440532013000", "[iban]"),
        ("GB29-NWBK-6016-1331-9268-19", "[iban]"),
        ("付款到MT84MALT011000012345MTLCAST001S", "付款到[iban]"),
        ("my SSN is 536-22-1234", "my SSN is [ssn]"),
        ("ssn=536221234", "ssn=[ssn]"),
        ("536 22 1234 is my social security number", "[ssn] is my social security number"),
    ],
)
def test_numbers_of_accounts_and_people_are_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept


@EACH(
    "said",
    [
        # Dates, times, machines, versions, arithmetic.
        "Error at 2022-01-09 07:55:43 in worker",
        "call 2022-01-09 07:55 please",
        "I rang you 22 11 2018 and 2018-107",
        "Rechnung vom 20.12.2024 17:11 fehlt",
        "I cannot reach 36.182.57.151:8080",
        "it took 12:30:45 at 10.0.0.1:50051, version 1.2.3.4",
        "mobile app 19.16.117 and 10.0.19045.3930",
        "What is 30651 - 18531? And 798396/801329?",
        "the call at 1530870844813 failed, as at 1530870844",
        "The point +23.089459 -47.317683 is wrong",
        "years 1995 1969 1956 2000",
        "3.14159265358979 and 1,000,000,000 and +1 250 000",
        "8 out of 10\n12 34 56 78\n23 45 67 89",
        # Numbers of something.
        "order 1234567890 of 2026-11-25 never came",
        "order 4155552671, and call me",
        "I called about order 0151 23456789",
        "My phone shows 4155552671 since the update",
        "part number 415-555-2671",
        "NHS number 617 647 3160",
        "ISBN 0-306-40615-2, 978-3-16-148410-0",
        "00340434161094042557",
        "DE89 3704 0044 0532 0130 01",
        "123-45-6789",
        "IMG_20221109_123456.jpg and scan-415-555-2671.png",
        "let tel = arr[4155552671]; call(fn, 4155552671)",
        "注文番号1234567890です",
        "ऑर्डर नंबर 9876543210",
        "١٢/١١/٢٠٢٣ ١٠:٣٠",
        # The number of a thing, whatever it looks like.
        "会員番号 0374-3131-6822",
        "회원번호 0470548365",
        "رقم العميل 0587038027",
        "my order number is 2449474/30",
        "Rezept-Nr. 508474542, bitte Arzt anrufen",
        "fatura numaram 4827405575",
        "播放量 15636021319 次",
        "ISBN-10: 0987822789, Что значит 0-653-64287-4?",
        # Times, measured values, lists, code.
        "nurse called at 0815 0930 1045",
        "T: 100 200 300 K, signal -85 -90 -102 dBm",
        "[859 383 2564] eigenvalues",
        "const PHONE_MAX = 80105236; setTimeout(callMe, 4171401); call=4530729509",
        "curl http://10.1.2.3:8080/call/3957317815",
        "padded 0012345678901",
        # Like a card.
        "4111 1111 1111 1112 has a wrong check digit",
        "order no 4111111111111111",
        "id_4111111111111111",
        "correlation=4111111111111111",
        "4111111111111111,ok,12",
        "https://example.com/orders/4111111111111111",
        f"{luhn('123456781234567')} has no issuer",
        # Like a password.
        "password = input('pw1? ')",
        "password = os.environ['DB_PASS1']",
        "connect(user=user, password=password)",
        "https://docs.example.com/?password=<your password>",
        "password=xxx, password=****, password=changeme, PASSWORD=${DB_PASS1}, password: string",
        "I forgot my password and 3 of them are expired since 2024-01-02",
        "the password is sha256 hashed and 12 characters long",
        '"password": "Passwort"',
        "PWD=/home/ann2/project",
        "AWS secret manager is down",
        # Like an account's number or a person's.
        "DE89 3704 0044 0532 0130 01",
        "SSN 000-12-3456, SSN 666-12-3456, SSN 912-34-5678, SSN 123-00-4567",
        "part 536-22-1234",
        "My SSN is not 536-22-1234",
        # Like an address.
        "me @home, a@b, @ann, @ann@mastodon.social",
        "lodash@4.17.21, icon@2x.png, git@github.com:org/repo.git, q@k.transpose(0)",
        # Like a key.
        "skiing in the pk-5 region with eyJ",
        "sk-learn-contrib-imbalanced-learn, hf_hub_download, pk_user_id_of_the_customer_account",
        "-----BEGIN PRIVATE KEY----- is the first line",
        "postgres://user:${DB_PASSWORD}@localhost/app",
        "",
    ],
)
def test_the_rest_is_left(said: str) -> None:
    assert redacted(said) == said


@EACH("name", HARMLESS)
def test_a_family_of_harmless_texts_stays(name: str) -> None:
    random = Random(name)
    changed = [
        text for text in (HARMLESS[name](random, place % 2 > 0) for place in range(200)) if redacted(text) != text
    ]
    assert len(changed) <= 10, changed


@EACH(("placeholder", "draw"), SENSITIVE.values(), ids=SENSITIVE)
def test_a_family_of_sensitive_texts_is_replaced(placeholder: str, draw: Draw) -> None:
    random = Random(placeholder)
    missed = [
        text for text in (draw(random, place % 2 > 0) for place in range(200)) if placeholder not in redacted(text)
    ]
    assert len(missed) <= 10, missed


def test_a_region_of_the_policy_needs_no_word() -> None:
    assert redacted("13812345678") == "13812345678"
    assert redacted("13812345678", ["CN"]) == "[phone]"
    assert redacted("es wird 612 345 678 sein", ["ES", "PT"]) == "es wird [phone] sein"
    assert redacted("pedido 612 345 678", ["ES"]) == "pedido 612 345 678"
    assert (
        redacted("2022-01-09 07:55, 12/11/2023, 10.0.0.1", ["ES", "CN", "US"])
        == "2022-01-09 07:55, 12/11/2023, 10.0.0.1"
    )
    assert redacted("13812345678", ["XX"]) == "13812345678"


@EACH("shape", SHAPES, ids=lambda shape: shape.provider)
def test_each_shape_of_a_key_finds_its_example_by_its_mark(shape: Shape) -> None:
    assert any(shape.spans(f"see {shape.example}, please"))
    assert "[key]" in redacted(f"see {shape.example}, please")
    assert any(mark in shape.example for mark in shape.marks)


@EACH("provider", KEYS)
def test_keys_that_are_drawn_are_found(provider: str) -> None:
    random = Random(provider)
    assert sum("[key]" in redacted(KEYS[provider](random)) for _ in range(100)) >= 97


def test_what_looks_random() -> None:
    assert looks_random("q7Rz0Lk3Vn8Xw2Jm5Tb9")
    assert looks_random("abcdefghijklmnopqrstuvwxyz0123")
    assert not looks_random("user_id_of_the_customer_account_2024")
    assert not looks_random("internationalization-of-things")


@EACH(
    ("first", "length"),
    [
        *(("4", length) for length in (13, 16, 19)),
        *((first, 16) for first in ("51", "55", "2221", "2720", "6011", "65", "3528", "62", "2200", "2204", "6070")),
        *(("34", 15), ("37", 15), ("300", 14), ("36", 14), ("5018", 12), ("6759", 19), ("62", 17)),
    ],
)
def test_each_issuer_is_known(first: str, length: int) -> None:
    number = luhn(first + "7" * (length - 1 - len(first)))
    assert is_card(number)
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10))
    assert redacted(f"my card is {number}") == "my card is [card]"


@EACH("number", [luhn("1" + "7" * 14), luhn("2220" + "7" * 11), luhn("2721" + "7" * 11), luhn("4" + "7" * 13)])
def test_without_an_issuer_it_is_no_card(number: str) -> None:
    assert not is_card(number)


def test_of_very_many_numbers_those_go_that_say_what_they_are() -> None:
    """More than are looked at closely: a plus says enough; a number alone does not, and is not replaced unseen."""
    assert not re.search(r"\d", redacted("+49 151 23456789, " * 1_000))
    assert not re.search(r"\d", redacted("4111 1111 1111 1111, " * 1_000))
    harmless = "id 4155552671 at 2022-01-09 07:55:43, " * 1_000
    assert redacted(harmless) == harmless


@pytest.fixture(scope="module", autouse=True)
def _plans() -> None:
    """Made once in a process, as the service does when it starts."""
    load_plans()


def _work(do: Callable[[], object]) -> int:
    """How many functions are called, Python's own too: what a text costs, on every machine the same."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return calls


@EACH("regions", [(), REGIONS], ids=["no region", "20 regions"])
def test_no_text_is_much_work(regions: tuple[str, ...]) -> None:
    """A call is some 0.1 µs. There were 136 a character at worst, and 736 with the regions of a policy."""
    most, characters = (50, 400) if regions else (32, 400)
    costs = {name: _work(partial(redacted, attack(characters), regions)) for name, attack in ATTACKS.items()}
    assert {name: cost for name, cost in costs.items() if cost > characters * most + 2_000} == {}


@EACH(
    "name", ["'0### ########\\n', drawn", "'1234号码01-011'", "words, call", "'Password=อeyJaرقمdeadbeefsecret'", "'@'"]
)
def test_work_grows_as_the_text_does(name: str) -> None:
    attack = ATTACKS[name]
    assert _work(partial(redacted, attack(50_000))) < 11 * _work(partial(redacted, attack(5_000)))


_WORST = [name for name in ATTACKS if "drawn" in name or "joined" in name or "whole" in name]


@EACH("name", _WORST[:: len(_WORST) // 40])
def test_no_step_is_long(name: str) -> None:
    """Between two pauses there is work for well below a millisecond, however long the text is."""
    text = ATTACKS[name](8_000)
    steps, over, most = redacting(text), object(), 0
    last: list[object] = [None]
    while last[0] is not over:
        most = max(most, _work(lambda: last.__setitem__(0, next(steps, over))))
    assert most < 4_000


def _repeats(parsed: Any, inside: bool = False) -> Iterator[str]:
    """What is repeated without a bound within what is repeated without a bound, and may be tried in many ways."""
    for code, value in parsed:
        if code in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            _, most, item = value
            unbounded = most is _parser.MAXREPEAT
            if unbounded and inside:
                yield str(item)
            yield from _repeats(item, inside or unbounded)
        elif code is _parser.SUBPATTERN:
            yield from _repeats(value[-1], inside)
        elif code is _parser.BRANCH:
            for branch in value[1]:
                yield from _repeats(branch, inside)
        elif code in (_parser.ASSERT, _parser.ASSERT_NOT):
            yield from _repeats(value[1], False)
        elif code in (_parser.POSSESSIVE_REPEAT, _parser.ATOMIC_GROUP):
            # It gives nothing back: what it took is taken in one way.
            yield from _repeats(value[-1] if code is _parser.POSSESSIVE_REPEAT else value, False)


_PATTERNS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": pattern
    for module in (accounts, cards_module, context, emails, looks_module, named, numbers, phones, scripts, words)
    for name, pattern in vars(module).items()
    if isinstance(pattern, re.Pattern)
} | {shape.provider: shape.pattern for shape in SHAPES}


@EACH("name", _PATTERNS)
def test_no_pattern_repeats_what_repeats(name: str) -> None:
    """Python's `re` tries all ways to share out a text between two such: their number is exponential."""
    assert list(_repeats(_parser.parse(_PATTERNS[name].pattern, _PATTERNS[name].flags))) == []


def test_what_repeats_what_repeats_is_known() -> None:
    assert list(_repeats(_parser.parse(r"(?:[a-z]+-?)*x")))
    assert not list(_repeats(_parser.parse(r"(?:[a-z]++-?)*x(?:a{1,9})+")))


def test_a_secret_is_found_wherever_a_window_ends() -> None:
    secrets = {
        "ghp_" + "a1B2" * 9: "[key]",
        "password=hunter2": "password=[key]",
        "call +49 151 23456789": "call [phone]",
        "4111 1111 1111 1111": "[card]",
        "ann.lee@mail.example.co.uk": "[email]",
        "DE89 3704 0044 0532 0130 00": "[iban]",
        "my SSN is 536-22-1234": "my SSN is [ssn]",
    }
    for said, kept in secrets.items():
        for before in range(1_900, 2_700, 9):
            start, end = "é" * (before - 1) + "\n", "\n" + "b" * 3_000
            assert redacted(start + said + end) == start + kept + end, (said, before)


async def test_others_get_their_turn_while_a_long_text_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "_TURN_SECONDS", 0.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    text = "+49 151 23456789, " * 1_000
    assert await paced(redacting(text)) == redacted(text)
    task.cancel()
    assert turns > 1_000


_DIGITS = st.text(alphabet="0123456789", min_size=5, max_size=15)


@given(st.one_of(_DIGITS, st.builds(str.__add__, st.sampled_from(["1", "44", "49", "7", "39", "55", "800"]), _DIGITS)))
def test_plans_are_those_of_the_library(digits: str) -> None:
    number = international(digits)
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        assert number is None or not number.is_valid
        return
    assert number is not None
    assert number.is_valid == phonenumbers.is_valid_number(parsed)
    assert number.is_possible == phonenumbers.is_possible_number(parsed)


_STRANGE = st.text(alphabet=st.one_of(st.sampled_from("0123456789 +-().,/:@ab_\n٣３é"), st.characters()), max_size=120)


@given(_STRANGE)
def test_no_text_is_too_strange_and_none_changes_twice(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(st.sampled_from([*HARMLESS.values(), *(draw for _, draw in SENSITIVE.values())]), st.integers(), st.booleans())
def test_a_second_time_changes_nothing(draw: Draw, seed: int, held_out: bool) -> None:
    once = redacted(draw(Random(seed), held_out))
    assert redacted(once) == once


@EACH("said", ["my number: 0151 23456789 + 01520925", "o meu número é 912 345 678, EC 693-268-7 är fel"])
def test_a_number_beside_a_replaced_one_stays_what_it_was(said: str) -> None:
    """The word before was said of the first number, and still is when that is gone."""
    once = redacted(said)
    assert once.count("[phone]") == 1
    assert redacted(once) == once


@given(st.text(alphabet=st.characters(exclude_categories=["Nd"], exclude_characters="@＠"), max_size=200))
def test_without_digits_and_ats_nothing_is_touched_but_keys(text: str) -> None:
    after = redacted(text)
    assert after == text or "[key]" in after


@given(st.lists(st.one_of(_STRANGE, st.sampled_from(["+49 151 23456789", "4111 1111 1111 1111", "a@example.com"]))))
def test_what_is_not_replaced_stays_in_its_order(pieces: list[str]) -> None:
    """Each piece of what is left is a piece of what was said, and between them stand placeholders alone."""
    text = "".join(pieces)
    at = 0
    for left in re.split("|".join(map(re.escape, PLACEHOLDERS)), redacted(text)):
        at = text.index(left, at) + len(left)
