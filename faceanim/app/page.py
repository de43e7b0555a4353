"""The page: three steps and a result. What happens is in studio.py."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr

from faceanim.app import asks, pictures
from faceanim.app.door import VISITOR
from faceanim.app.reading import Told
from faceanim.app.studio import Made, Studio
from faceanim.pose.templates import template_names

TITLE = "Animate a face"
_CSS = Path(__file__).with_name("page.css")
_FONT = ("system-ui", "sans-serif")
_MONO = ("ui-monospace", "monospace")
_CONSENT = (
    '<div class="fa-consent">Animate only people who agreed to it. Say that a video is generated wherever you show '
    "it: every video made here says so in its file.</div>"
)


def theme() -> gr.themes.Base:
    return gr.themes.Default(primary_hue="orange", neutral_hue="slate", font=_FONT, font_mono=_MONO)


def css() -> str:
    return _CSS.read_text(encoding="utf-8")


def build(studio: Studio, mask: dict) -> gr.Blocks:
    """mask: options of ``face_mask`` that the pipeline was trained with."""
    limits, presets = studio.settings.limits, list(studio.presets)
    names = template_names()

    async def show_state() -> tuple[Any, Any]:
        words = {
            "loading": "The model is loading; you can prepare everything meanwhile.",
            "failed": "The model could not be loaded. The people who run this platform have to look at its log.",
            "ready": "",
        }[studio.devices.state]
        return pictures.told(words) if words else "", gr.Timer(active=studio.devices.state == "loading")

    async def show_results(request: gr.Request) -> Any:
        return _gallery(studio, _who(request))

    async def look_at_photo(file: Any, request: gr.Request) -> tuple[Any, Any]:
        hidden = gr.Radio(choices=[], value=None, visible=False)
        if file is None:
            return "", hidden
        try:
            look = await studio.reader.photo(_who(request), asks.file_of(file))
        except Told as told:
            return pictures.alert(str(told)), hidden
        choices = [(f"Face {k}", k) for k in range(1, len(look.boxes) + 1)]
        several = gr.Radio(choices=choices, value=None, visible=True) if len(choices) > 1 else hidden
        return pictures.photo_view(look, mask), several

    async def look_at_face(file: Any, face: Any, request: gr.Request) -> Any:
        try:
            look = await studio.reader.photo(_who(request), asks.file_of(file), asks.face_of(face))
        except Told as told:
            return pictures.alert(str(told))
        return pictures.photo_view(look, mask)

    def looking_at(source: str) -> Callable:
        async def look_at_motion(value: Any, photo: Any, request: gr.Request) -> tuple[Any, Any]:
            visitor, warnings = _who(request), []
            if value is None:
                return (gr.skip() if source == "speech" else ""), gr.skip()
            try:
                look = await studio.reader.motion(
                    visitor, source, value if source == "template" else asks.file_of(value)
                )
            except Told as told:
                return pictures.alert(str(told)), gr.skip()
            poses = look.poses
            if photo is not None:
                with suppress(Told):  # the photo's own view tells
                    seen = await studio.reader.photo(visitor, asks.file_of(photo))
                    warnings = studio.suits(seen, look)
                    poses = await asyncio.to_thread(studio.fitted, seen, look, 0)
            most = round(min(look.seconds, limits.result_seconds), 1)
            view = await asyncio.to_thread(pictures.motion_view, look, poses, warnings)
            return view, gr.Slider(maximum=most, value=most)

        return look_at_motion

    async def example_photo(request: gr.Request) -> str:
        return str(studio.example(_who(request)))

    async def generate(
        photo: Any,
        face: Any,
        source: Any,
        template: Any,
        video: Any,
        speech: Any,
        preset: Any,
        seconds: Any,
        seed: Any,
        steps: Any,
        label: Any,
        request: gr.Request,
    ) -> AsyncIterator[tuple]:
        visitor = _who(request)
        same = (gr.skip(),) * 5
        running = gr.Button(interactive=False), gr.Button(visible=True)
        over = gr.Button(interactive=True), gr.Button(visible=False)
        values = {"template": template, "video": video, "speech": speech}
        yield pictures.told("Looking at your files ..."), *same, *running
        try:
            wish = asks.wish_of(photo, face, source, values, preset, seconds, seed, steps, label)
            async for step in studio.animate(visitor, wish):
                if isinstance(step, Made):
                    made = gr.Group(visible=True), str(step.video), str(step.columns), step.command
                    yield pictures.told(step.words), *made, _gallery(studio, visitor), *over
                else:
                    yield pictures.progress_view(step, studio.wait_words(step)), *same, *running
        except Told as told:
            yield pictures.alert(str(told)), *same, *over

    async def stop(request: gr.Request) -> None:
        studio.stop(_who(request))

    async def animate(
        photo: Any,
        source: Any = "template",
        template: Any = names[0],
        video: Any = None,
        speech: Any = None,
        preset: Any = presets[0],
        seconds: Any = 0,
        seed: Any = 0,
        steps: Any = None,
        label: Any = False,
        face: Any = None,
        request: gr.Request = None,  # the web framework gives it
    ) -> AsyncIterator[tuple]:
        """Animate a photo. source: template, video or speech, which the motion comes from. seconds: 0 for all of it."""
        values = {"template": template, "video": video, "speech": speech}
        try:
            wish = asks.wish_of(photo, face, source, values, preset, seconds, seed, steps, label)
            async for step in studio.animate(_who(request), wish):
                if isinstance(step, Made):
                    yield str(step.video), str(step.columns), step.command, step.words
                else:
                    words = studio.wait_words(step) if step.state == "waiting" else f"{step.share:.0%}"
                    yield None, None, "", words
        except Told as told:
            raise gr.Error(str(told), print_exception=False) from told

    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(f'<div class="fa-head"><h1>{TITLE}</h1><p>One photo and a motion in, a video out.</p></div>')
        state, timer = gr.HTML(elem_id="fa-state"), gr.Timer(1.5)
        with gr.Row():
            with gr.Column(min_width=300):
                gr.HTML('<div class="fa-step"><h2>1. Photo</h2></div>')
                photo = gr.Image(
                    label="Photo of a face",
                    type="filepath",
                    sources=["upload"],
                    height=260,
                    elem_id="fa-photo",
                )
                example = gr.Button("Use the example photo", size="sm", visible=bool(studio.settings.photo))
                photo_view = gr.HTML(elem_id="fa-photo-view")
                face = gr.Radio(label="Which face?", choices=[], visible=False, elem_id="fa-face")
                gr.HTML(_CONSENT)
            with gr.Column(min_width=300):
                gr.HTML('<div class="fa-step"><h2>2. Motion</h2></div>')
                source = gr.Textbox("template", visible=False)
                with gr.Tabs(elem_id="fa-sources"):
                    with gr.Tab("Template", id="template") as template_tab:
                        template = gr.Radio(
                            [(name.replace("_", " ").capitalize(), name) for name in names],
                            value=names[0],
                            label="Ready-made motion",
                        )
                        template_view = gr.HTML(elem_id="fa-template-view")
                    with gr.Tab("Video", id="video") as video_tab:
                        video = gr.Video(label="Video of somebody's face", sources=["upload"], height=220)
                        video_view = gr.HTML(elem_id="fa-video-view")
                    with gr.Tab("Speech", id="speech") as speech_tab:
                        speech = gr.Audio(
                            label="What is to be said",
                            type="filepath",
                            sources=["upload", "microphone"],
                            editable=False,
                        )
                        speech_view = gr.HTML(
                            pictures.told(
                                "Speech is not available here: the model that this platform runs has no part that "
                                "turns sound into motion."
                            )
                            if not studio.speaks
                            else "",
                            elem_id="fa-speech-view",
                        )
        with gr.Row():
            with gr.Column(min_width=300):
                gr.HTML('<div class="fa-step"><h2>3. Make the video</h2></div>')
                preset = gr.Radio(
                    [(name.capitalize(), name) for name in presets], value=presets[0], label="Quality"
                )
                seconds = gr.Slider(
                    0.1,
                    limits.result_seconds,
                    value=limits.result_seconds,
                    step=0.1,
                    label="Length in seconds",
                )
                with gr.Accordion("Advanced", open=False):
                    seed = gr.Number(
                        0, label="Seed: the same seed gives the same video", precision=0, minimum=0
                    )
                    steps = gr.Number(
                        None, label="Steps, instead of the quality's", precision=0, minimum=1, maximum=100
                    )
                    label = gr.Checkbox(False, label="Write AI-generated into the picture")
                with gr.Row():
                    make = gr.Button("Generate", variant="primary", elem_id="fa-generate")
                    halt = gr.Button("Stop", variant="stop", visible=False, elem_id="fa-stop")
            with gr.Column(min_width=300):
                gr.HTML('<div class="fa-step"><h2>Result</h2></div>')
                status = gr.HTML(
                    pictures.told("Your video will appear here."), elem_id="fa-status", container=False
                )
                with gr.Group(visible=False) as result_group:
                    with gr.Tabs():
                        with gr.Tab("Video"):
                            result = gr.Video(
                                label="Your video",
                                interactive=False,
                                buttons=["download"],
                                elem_id="fa-result",
                                autoplay=True,
                            )
                        with gr.Tab("Side by side"):
                            columns = gr.Video(
                                label="Photo, motion and video",
                                interactive=False,
                                buttons=["download"],
                                elem_id="fa-columns",
                            )
                    command = gr.Textbox(
                        label="The command that makes the same video",
                        interactive=False,
                        buttons=["copy"],
                        lines=2,
                        elem_id="fa-command",
                    )
        gallery = gr.Gallery(
            label="Your latest videos",
            interactive=False,
            columns=4,
            height=220,
            buttons=["download"],
            object_fit="contain",
            visible=False,
            elem_id="fa-gallery",
        )
        with gr.Row(visible=False):  # of the API alone
            api_photo = gr.Image(type="filepath", sources=["upload"])
            api_video, api_speech = gr.Video(sources=["upload"]), gr.Audio(type="filepath")
            api_source, api_template = gr.Textbox("template"), gr.Textbox(names[0])
            api_preset, api_seconds = gr.Textbox(presets[0]), gr.Number(0)
            api_seed, api_steps = gr.Number(0), gr.Number(None)
            api_label, api_face = gr.Checkbox(False), gr.Number(None)
            api_result, api_columns = gr.Video(), gr.Video()
            api_command, api_state = gr.Textbox(), gr.Textbox()
            api = gr.Button()

        # preprocess: nothing of a visitor's is decoded in this process, so we get what the page sends
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "preprocess": False}
        looks: dict[str, Any] = {**quiet, "concurrency_limit": None, "trigger_mode": "always_last"}
        page.load(show_state, None, [state, timer], **quiet)
        page.load(show_results, None, gallery, **quiet)
        page.load(looking_at("template"), [template, photo], [template_view, seconds], **looks)
        timer.tick(show_state, None, [state, timer], **quiet)
        example.click(example_photo, None, photo, **quiet)
        photo.change(look_at_photo, photo, [photo_view, face], **looks)
        face.input(look_at_face, [photo, face], photo_view, **looks)
        for name, tab, field, view in (
            ("template", template_tab, template, template_view),
            ("video", video_tab, video, video_view),
            ("speech", speech_tab, speech, speech_view),
        ):
            tab.select(None, None, source, js=f"() => '{name}'", **quiet)
            gr.on([tab.select, field.change], looking_at(name), [field, photo], [view, seconds], **looks)
        make.click(
            generate,
            [photo, face, source, template, video, speech, preset, seconds, seed, steps, label],
            [status, result_group, result, columns, command, gallery, make, halt],
            concurrency_limit=None,
            **quiet,
        )
        halt.click(stop, None, None, concurrency_limit=None, **quiet)
        api.click(
            animate,
            [
                *(
                    api_photo,
                    api_source,
                    api_template,
                    api_video,
                    api_speech,
                    api_preset,
                    api_seconds,
                    api_seed,
                ),
                *(api_steps, api_label, api_face),
            ],
            [api_result, api_columns, api_command, api_state],
            concurrency_limit=None,
            preprocess=False,
            api_name="animate",
        )
    return page


def _gallery(studio: Studio, visitor: str) -> Any:
    results = studio.files.visit(visitor).results
    return gr.Gallery(value=[str(path) for path in results], visible=bool(results))


def _who(request: gr.Request) -> str:
    return request.headers[VISITOR]
