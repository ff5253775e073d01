"""A picture as it may be kept: a JPEG with its pixels and nothing else.

A camera writes the place, the time and the telephone's number into a picture (EXIF, XMP: segments APP1 to APP13 and
comments). Whoever decodes the picture needs none of them, so every segment goes that is not needed, and whatever
somebody hung behind its end. The pixels are not touched. Structure: ITU-T T.81, annex B.
"""

from collections.abc import Iterator

from citywatch.mechanisms.errors import Refusal

MOST_BYTES = 300_000
_LONGEST_SIDE = 4096  # pixels; a picture that says it has more could stop the screen of whoever opens it
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; what browsers make and read
_NEEDED = _FRAMES | {_START, _END, _SCAN, 0xC4, 0xDB, 0xDD, 0xEE}  # and tables, restarts, Adobe's word on the colours
_INSIDE_A_SCAN = frozenset({0x00, *range(0xD0, 0xD8)})


def without_traces(picture: bytes) -> bytes:
    """The same picture without what its camera wrote about it. Refuses what is no JPEG, or is too large."""
    if len(picture) > MOST_BYTES:
        raise Refusal(
            f"This photo has {len(picture):,} bytes and the limit is {MOST_BYTES:,}; take it with the phone's form.",
            zh=f"照片大小 {len(picture):,} 字节，超过上限 {MOST_BYTES:,} 字节；请在手机表单中拍照。",
        )
    try:
        segments = list(_segments(picture))
    except (IndexError, ValueError):
        segments = []
    markers = [marker for marker, _ in segments]
    if not _FRAMES & set(markers) or _SCAN not in markers:
        raise Refusal(
            "This is no JPEG picture; take the photo with the phone's form.",
            zh="该文件不是JPEG照片；请在手机表单中拍照。",
        )
    for marker, segment in segments:
        if marker in _FRAMES:
            _refuse_huge(segment[5:9])
    return b"".join(segment for marker, segment in segments if marker in _NEEDED)


def _segments(picture: bytes) -> Iterator[tuple[int, bytes]]:
    """The marked parts of a picture in order, from its start to its end; a scan with its pixels is one part."""
    if picture[:2] != bytes((0xFF, _START)):
        raise ValueError("no JPEG")
    yield _START, picture[:2]
    at, marker = 2, _START
    while marker != _END:
        while picture[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if picture[at] != 0xFF:
            raise ValueError("no marker")
        marker = picture[at + 1]
        end = at + 2
        if marker != _END:
            end += int.from_bytes(picture[end : end + 2])
        if marker == _SCAN:
            end = _end_of_scan(picture, end)
        if end > len(picture) or (marker != _END and end < at + 4):
            raise ValueError("a segment without an end")
        yield marker, picture[at:end]
        at = end


def _end_of_scan(picture: bytes, at: int) -> int:
    """Where the compressed pixels end: at the next marker that is none of their own."""
    while True:
        at = picture.index(0xFF, at)
        if picture[at + 1] not in _INSIDE_A_SCAN:
            return at
        at += 2


def _refuse_huge(sides: bytes) -> None:
    height, width = int.from_bytes(sides[:2]), int.from_bytes(sides[2:])
    if not 0 < height <= _LONGEST_SIDE or not 0 < width <= _LONGEST_SIDE:
        raise Refusal(
            f"This photo has {width} by {height} pixels and the limit is {_LONGEST_SIDE}; take it with the phone.",
            zh=f"照片尺寸为 {width}×{height} 像素，超过上限 {_LONGEST_SIDE}；请在手机表单中拍照。",
        )
