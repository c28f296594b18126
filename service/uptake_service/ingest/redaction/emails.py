"""E-mail addresses, internationalised ones too (RFC 6531), and none of what else has an @ in it."""

import re

from uptake_service.ingest.redaction.scripts import MARKS, UNSPACED
from uptake_service.ingest.redaction.steps import Steps, scan

_LETTER = rf"\w{MARKS}"
_LOCAL = rf"{_LETTER}.%+'’!#$*^|~-"
_LABEL = rf"[{_LETTER}-]{{1,63}}"
_TOP = rf"(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}|(?:[^\W\d_A-Za-z]|[{MARKS}]){{2,24}})(?![A-Za-z0-9_])"
_ADDRESS = re.compile(
    rf"(?:(?<![{_LOCAL}])[{_LOCAL}]{{1,64}}|\"[^\"\n]{{1,64}}\")[@＠](?:{_LABEL}[.。．]){{1,8}}{_TOP}",
)
_UNSPACED = re.compile(rf"[{UNSPACED}]")
_UNSPACED_TOPS = (
    *(
        "中国",
        "中國",
        "公司",
        "网络",
        "網絡",
        "网址",
        "网站",
        "网店",
        "集团",
        "组织机构",
        "机构",
        "政务",
        "公益",
        "商城",
        "商店",
    ),
    *(
        "商标",
        "在线",
        "中文网",
        "我爱你",
        "移动",
        "信息",
        "游戏",
        "手机",
        "香港",
        "台湾",
        "台灣",
        "新加坡",
        "澳門",
        "世界",
    ),
    *(
        "みんな",
        "ファッション",
        "セール",
        "ストア",
        "ポイント",
        "クラウド",
        "コム",
        "ไทย",
        "คอม",
        "ລາວ",
        "政府",
        "企业",
        "企業",
    ),
)
"""Top-level domains after which words may follow without a space (IANA's root zone)."""
_FILES = frozenset(
    (
        *(
            "png",
            "jpg",
            "jpeg",
            "gif",
            "svg",
            "webp",
            "ico",
            "bmp",
            "css",
            "scss",
            "js",
            "mjs",
            "jsx",
            "ts",
            "tsx",
            "json",
        ),
        *(
            "html",
            "htm",
            "xml",
            "yaml",
            "yml",
            "toml",
            "ini",
            "txt",
            "log",
            "pdf",
            "csv",
            "tsv",
            "exe",
            "dll",
            "tar",
            "gz",
        ),
        *(
            "bak",
            "tmp",
            "doc",
            "docx",
            "xls",
            "xlsx",
            "ppt",
            "pptx",
            "mp3",
            "mp4",
            "wav",
            "sql",
            "lock",
            "patch",
            "diff",
        ),
    )
)
_VERSION = re.compile(r"v?\d+[.]\d")
_STRIPPED = ".'’!#$*^|~%+-"


def without_emails(text: str) -> Steps[str]:
    if "@" not in text and "＠" not in text:
        return text
    parts: list[str] = []
    done = 0
    for match in scan(_ADDRESS, text):
        if match is None:
            yield
        else:
            parts += (text[done : match.start()], _replacement(match))
            done = match.end()
    return "".join((*parts, text[done:]))


def _replacement(match: re.Match[str]) -> str:
    text, (start, end) = match.string, match.span()
    at = next(place for place in range(end - 1, start, -1) if text[place] in "@＠")
    if text[start] != '"':
        start = _local_start(text, start, at)
    end = _domain_end(text, at + 1, end)
    if start == at or end == 0 or _is_something_else(text, start, at, end):
        return match[0]
    return f"{text[match.start() : start]}[email]{text[end : match.end()]}"


def _local_start(text: str, start: int, at: int) -> int:
    """Without what opens a quotation, and without words of a script that puts no space before an address."""
    if _UNSPACED.match(text[at - 1]) is None:
        for place in range(at - 1, start - 1, -1):
            if _UNSPACED.match(text[place]) is not None:
                start = place + 1
                break
    while start < at and text[start] in _STRIPPED:
        start += 1
    return start


def _domain_end(text: str, start: int, end: int) -> int:
    """Where the domain ends, or 0 if it is none: before the words or the sentence that follow without a space."""
    labels = re.split("[.。．]", text[start:end])
    top = labels[-1]
    if _UNSPACED.match(top[0]) is not None:
        known = max((each for each in _UNSPACED_TOPS if top.startswith(each)), key=len, default="")
        return end - len(top) + len(known) if known or not labels[-2].isascii() else 0
    if top[0].isupper() and not top.isupper() and not labels[-2][:1].isupper():
        end, labels = end - len(top) - 1, labels[:-1]
    named = len(labels) > 1 and re.fullmatch(r"[^\W\d_].+", labels[-1]) is not None
    return end if named and all(label and label[0] != "-" != label[-1] for label in labels) else 0


def _is_something_else(text: str, start: int, at: int, end: int) -> bool:
    """A picture for a fine screen, a package's version, a handle, a login in a URL, a path on a machine, a call."""
    domain = text[at + 1 : end]
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if domain.rpartition(".")[2].lower() in _FILES or _VERSION.match(domain) is not None:
        return True
    if before in ("@", "＠") or after in ("(", "@"):
        return True
    if after == ":" and re.match(r":[\w.~-]*/", text[end : end + 80]) is not None:
        return True
    scheme = text.rfind("://", max(0, start - 160), start)
    return scheme >= 0 and re.search(r"[\s/?#]", text[scheme + 3 : start]) is None
