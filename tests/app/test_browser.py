"""People: Chromium against the real server. FACEANIM_PICTURES=docs makes the pictures of docs/platform.md."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.commands import ROOT
from tests.helpers.platform import QUICK

SECOND = 1000
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture
def visit(browser, platform):
    """Opens the page as another visitor each time: visit(size, dark, url)."""
    contexts, troubles = [], []

    def come(size: tuple[int, int] = DESKTOP, dark: bool = False, url: str = platform.url):
        viewport = dict(zip(("width", "height"), size, strict=True))
        context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60 * SECOND)

        def note_if_elsewhere(request) -> None:
            if not request.url.startswith((url, "data:", "blob:")):
                troubles.append(f"requested from elsewhere: {request.url}")

        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("request", note_if_elsewhere)
        page.goto(url)
        page.locator("#fa-template-view video").wait_for()
        return page

    yield come
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def visit_with_photo(visit, uploads):
    """The same, with the photo uploaded."""

    def come(*options, **named):
        page = visit(*options, **named)
        upload_photo(page, uploads.photo)
        return page

    return come


def upload_photo(page, path: Path) -> None:
    with on_this_face(page):
        page.set_input_files("#fa-photo input[type=file]", path)
        page.locator("#fa-photo-view figure").first.wait_for()
    assert page.locator("#fa-photo-view figure img").count() == 3  # found, cut out, located


@contextmanager
def on_this_face(page):
    """Waits until the template is shown anew: on the face of the photo that comes inside."""
    video = "document.querySelector('#fa-template-view video')?.getAttribute('src')"
    before = page.evaluate(video)
    yield
    page.wait_for_function(f"before => (({video}) ?? before) !== before", arg=before)


def set_length(page, seconds: float) -> None:
    page.get_by_label("number input for Length in seconds").fill(str(seconds))


def set_steps(page, steps: int) -> None:
    page.get_by_text("Advanced").click()
    page.get_by_label("Steps").fill(str(steps))


def check_length(page, seconds: float) -> None:
    """Of the finished video, as the browser plays it."""
    page.get_by_text("Done:").wait_for()
    page.wait_for_function("document.querySelector('#fa-result video')?.readyState >= 1")
    length = page.evaluate("document.querySelector('#fa-result video').duration")
    assert length == pytest.approx(seconds, abs=0.05)


def generate(page, seconds: float) -> None:
    set_length(page, seconds)
    page.click("#fa-generate")
    check_length(page, seconds)


def test_three_clicks_to_a_video_from_a_template(visit_with_photo):
    page = visit_with_photo()
    generate(page, 0.5)
    command = page.locator("#fa-command textarea").input_value()
    assert command.startswith("python infer.py pipeline=") and "template=blinking" in command
    page.get_by_role("tab", name="Side by side").click()
    page.wait_for_function("document.querySelector('#fa-columns video')?.videoWidth == 192")
    with page.expect_download() as download:
        page.locator("#fa-columns a[download]").click()
    assert Path(download.value.path()).stat().st_size > 1000
    assert page.locator("#fa-gallery video").count() == 1
    page.reload()
    page.locator("#fa-gallery video").wait_for()  # it is still this visitor's


def test_a_video_and_speech_give_videos_of_their_length(visit_with_photo, uploads):
    page = visit_with_photo()
    page.get_by_role("tab", name="Video").first.click()
    page.locator("input[type=file][accept*=video]").set_input_files(uploads.video)
    page.locator("#fa-video-view video").wait_for()
    page.click("#fa-generate")
    check_length(page, 0.5)
    page.get_by_role("tab", name="Speech").click()
    page.locator("input[type=file][accept*=audio]").set_input_files(uploads.speech)
    page.locator("#fa-speech-view video").wait_for()
    page.click("#fa-generate")
    page.get_by_text("Done: 24 frames").wait_for()
    check_length(page, 1.0)


def test_a_second_visitor_waits_and_is_served_when_the_first_stops(visit_with_photo, platform):
    first, second = visit_with_photo(), visit_with_photo(PHONE, dark=True)
    first.get_by_label("Listening").check()
    first.get_by_text("Listening: ").wait_for()
    set_steps(first, 100)
    first.click("#fa-generate")
    first.get_by_text("frames,").wait_for()
    set_length(second, 0.2)
    second.click("#fa-generate")
    second.get_by_text("Waiting: 1 video before yours").wait_for()
    first.click("#fa-stop")
    first.get_by_text("Stopped.").wait_for()
    check_length(second, 0.2)
    assert first.locator("#fa-generate").is_enabled() and not first.locator("#fa-stop").is_visible()
    platform.until(lambda health: health["running"] == 0)
    assert second.evaluate("document.documentElement.scrollWidth") <= PHONE[0]  # nothing is cut off


def test_closing_the_page_frees_the_device(visit_with_photo, platform):
    page = visit_with_photo()
    set_steps(page, 100)
    page.click("#fa-generate")
    platform.until(lambda health: health["running"] == 1)
    page.close()
    platform.until(lambda health: health["running"] == 0, seconds=45)


def test_the_keyboard_is_enough(visit):
    page = visit()
    with on_this_face(page):
        page.locator("button", has_text="Use the example photo").focus()
        page.keyboard.press("Enter")
        page.locator("#fa-photo-view figure").first.wait_for()
    page.get_by_label("Blinking").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_text("Conversation: ").wait_for()
    set_length(page, 0.1)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "fa-generate":
            break
    page.keyboard.press("Enter")
    check_length(page, 2 / 24)
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1 and page.locator("[role=status]").count() > 0


def test_a_bad_photo_is_explained_and_the_next_one_works(visit, uploads, tmp_path):
    page = visit()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    page.set_input_files("#fa-photo input[type=file]", tmp_path / "broken.png")
    page.locator("#fa-photo-view [role=alert]", has_text="This file is broken, or no photo").wait_for()
    page.get_by_label("Remove").first.click()
    upload_photo(page, uploads.photo)


def keep_picture(page, path: Path) -> None:
    """Of the whole page, in 160 colours."""
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(SECOND)  # videos show their first frame
    page.screenshot(path=path, full_page=True)
    picture = Image.open(path).convert("RGB")
    assert picture.width in (DESKTOP[0], PHONE[0])
    picture.quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.mark.slow
def test_the_pictures_of_the_documentation(visit, start, tmp_path):
    """With the demo's model, or the one that `make app` makes."""
    models = [Path("outputs/demo/pipeline"), Path("outputs/app/pipeline")]  # the command shows it
    found = [path for path in models if (ROOT / path).is_dir()]
    if not found:
        pytest.skip("make demo or make app has not been run here")
    folder = Path(os.environ.get("FACEANIM_PICTURES", tmp_path))
    server = start(found[0], "photo=demo", *QUICK[1:])
    desktop, phone = visit(url=server.url), visit(PHONE, dark=True, url=server.url)
    for page in (desktop, phone):
        page.get_by_text("Use the example photo").click()
        page.locator("#fa-photo-view figure").first.wait_for()
        page.get_by_label("Smiling").check()
        page.get_by_text("Smiling: ").wait_for()
        set_length(page, 2)
    desktop.click("#fa-generate")
    desktop.locator("#fa-stop").wait_for()
    phone.click("#fa-generate")
    phone.get_by_text("Waiting: 1 video before yours").wait_for()
    keep_picture(phone, folder / "platform_phone.png")
    check_length(desktop, 2)
    keep_picture(desktop, folder / "platform.png")
