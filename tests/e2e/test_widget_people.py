"""The widget when people are called for: nobody there, a message left, pictures."""

import struct
import zlib

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import Widget

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def picture() -> bytes:
    """A PNG of 60 × 40 points, all grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"\0".join([b"", *[b"\x80" * 60] * 40])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", struct.pack(">IIBBBBB", 60, 40, 8, 0, 0, 0, 0)), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


async def test_nobody_is_there_and_a_message_is_left(widget: Widget) -> None:
    await widget.open()
    await widget.say("发票抬头开错了")
    await expect(widget.bubbles("bot").first).to_be_visible()
    await widget.frame.get_by_test_id("human").click()
    await expect(widget.bubbles("bot").last).to_contain_text("没有人工客服在线")
    await widget.say("有人吗")
    await expect(widget.bubbles("customer").last).to_have_attribute("data-state", "sent")
    leave = widget.frame.get_by_test_id("choice")
    await expect(leave).to_have_text("留言")
    await widget.page.reload()
    await widget.open(agree=False)
    await leave.click()
    await expect(widget.frame.get_by_test_id("queue-position")).to_be_hidden()
    await expect(widget.bubbles("bot").last).to_contain_text("转达")
    await widget.say("抬头应该是杭州晨光科技有限公司")
    await widget.frame.get_by_test_id("choice").last.click()
    await expect(widget.bubbles("bot").last).to_contain_text("已经记下")


async def test_a_picture_is_shown_and_comes_back(widget: Widget) -> None:
    await widget.open()
    await expect(widget.frame.locator("#attach")).to_be_enabled()
    await widget.frame.locator("#file").set_input_files({"name": "破损.png", "mimeType": "image/png", "buffer": picture()})
    shown = widget.frame.get_by_role("img", name="破损.png")
    await expect(shown).to_be_visible()
    await expect(widget.bubbles("customer").first).to_have_attribute("data-state", "sent")
    await expect(widget.bubbles("bot").first).to_be_visible()
    await widget.page.reload()
    await widget.open(agree=False)
    await expect(shown).to_be_visible()
    assert await shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [60, 40]
    async with widget.page.expect_download() as downloading:
        await widget.frame.get_by_test_id("attachment").click()
    assert (await downloading.value).suggested_filename == "破损.png"


async def test_the_composer_has_its_height_when_it_was_built_out_of_sight(widget: Widget) -> None:
    await widget.open()
    await widget.say("你好")
    await expect(widget.bubbles("bot").first).to_be_visible()
    await widget.page.reload()
    await expect(widget.page.get_by_test_id("zhike-frame")).to_be_attached()
    await widget.page.wait_for_timeout(500)
    await widget.open(agree=False)
    box = await widget.frame.get_by_test_id("composer").bounding_box()
    assert box is not None
    assert box["height"] >= 30
