"""Makes the images of this folder and expected.json: how Pillow reads and resizes them.

    python3 -m pip install pillow && python3 make.py

Kinds that Pillow cannot write (16-bit colour, Adam7 interlacing) are put together by hand; where Pillow throws bits
away (16-bit samples) the expected value is the exact one, rounded.
"""
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
WIDTH, HEIGHT = 13, 9


def colour(x, y):
    return (x * 19 % 256, y * 28 % 256, (x * y * 11 + 40) % 256)


def rgb():
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata([colour(x, y) for y in range(HEIGHT) for x in range(WIDTH)])
    return image


def smooth(size=16):
    """For JPEG: no hard edges."""
    image = Image.new("RGB", (size, size))
    image.putdata([(x * 15, y * 15, 255 - (x + y) * 7) for y in range(size) for x in range(size)])
    return image


def with_alpha(image):
    alpha = Image.new("L", image.size)
    alpha.putdata([(x * 21 + y * 30) % 256 for y in range(image.height) for x in range(image.width)])
    image.putalpha(alpha)
    return image


def png(width, height, depth, kind, passes, interlaced):
    """A PNG file; `passes` holds, for each pass, its rows as bytes."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    data = b"".join(b"\0" + row for rows in passes for row in rows)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def adam7():
    passes = []
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        rows = [b"".join(bytes(colour(x, y)) for x in range(x0, WIDTH, dx)) for y in range(y0, HEIGHT, dy)]
        passes.append([row for row in rows if row])
    return png(WIDTH, HEIGHT, 8, 2, passes, 1)


def colour16(x, y):
    return (x * 5041 % 65536, y * 7283 % 65536, (x * y * 2901 + 77) % 65536)


def flat(planes):
    return [value for plane in planes for value in plane]


def planes(image):
    return flat(list(band.tobytes()) for band in image.split())


def over_white(image):
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def main():
    expected = {}

    def record(name, channels, image, tolerance=0, exact=None):
        pixels = over_white(image)
        # The channels that the header shows, and the pixels as three planes and as one.
        expected[name] = {
            "channels": channels, "width": image.width, "height": image.height, "tolerance": tolerance,
            "colour": exact or planes(pixels), "grey": None if exact else list(pixels.convert("L").tobytes())}

    def save(name, channels, image, tolerance=0, **options):
        image.save(HERE / name, **options)
        with Image.open(HERE / name) as back:
            back.load()
            record(name, channels, back, tolerance)

    save("colour.png", 3, rgb(), optimize=True)
    save("grey.png", 1, rgb().convert("L"), optimize=True)
    save("bits.png", 1, rgb().convert("1"), optimize=True)
    save("palette.png", 3, rgb().quantize(16), optimize=True)
    save("palette-transparent.png", 3, rgb().quantize(16), transparency=3, optimize=True)
    save("colour-alpha.png", 3, with_alpha(rgb()), tolerance=1, optimize=True)
    save("grey-alpha.png", 1, with_alpha(rgb().convert("L")), tolerance=1, optimize=True)
    save("colour.jpg", 3, smooth(), quality=75, optimize=True)
    save("grey.jpg", 1, smooth().convert("L"), quality=75, optimize=True)
    save("progressive.jpg", 3, smooth(), quality=60, progressive=True, subsampling=0)
    # Inks are mixed by a rounding of our own.
    save("inks.jpg", 3, smooth().convert("CMYK"), tolerance=1, quality=75, optimize=True)

    (HERE / "interlaced.png").write_bytes(adam7())
    with Image.open(HERE / "interlaced.png") as image:
        record("interlaced.png", 3, image)

    grid = [[(x, y) for x in range(WIDTH)] for y in range(HEIGHT)]
    rows = [b"".join(struct.pack(">HHH", *colour16(*at)) for at in row) for row in grid]
    (HERE / "colour16.png").write_bytes(png(WIDTH, HEIGHT, 16, 2, [rows], 0))
    exact = flat([round(colour16(*at)[c] / 257) for row in grid for at in row] for c in range(3))
    record("colour16.png", 3, Image.new("RGB", (WIDTH, HEIGHT)), exact=exact)
    rows = [b"".join(struct.pack(">H", colour16(*at)[2]) for at in row) for row in grid]
    (HERE / "grey16.png").write_bytes(png(WIDTH, HEIGHT, 16, 0, [rows], 0))
    record("grey16.png", 1, Image.new("RGB", (WIDTH, HEIGHT)), exact=exact[2 * WIDTH * HEIGHT:] * 3)

    resized = [
        {"height": height, "width": width, "colour": planes(rgb().resize((width, height), Image.BILINEAR))}
        for height, width in [(4, 5), (18, 20), (9, 6), (3, 26), (1, 1), (9, 13)]]
    text = json.dumps({"files": expected, "resized": resized}, separators=(",", ":"), sort_keys=True)
    (HERE / "expected.json").write_text(text.replace('},"', '},\n"').replace("},{", "},\n{") + "\n")


main()
