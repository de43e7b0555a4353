"""The page: three steps and a result. Its events are in handlers.py."""

from pathlib import Path
from typing import Any

import gradio as gr

from faceanim.app import html_views
from faceanim.app.handlers import Handlers
from faceanim.app.messages import NO_SPEECH
from faceanim.app.service import AnimationService
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
    """System fonts, none fetched; text and buttons with enough contrast to read (WCAG 2.2, 1.4.3: 4.5 to 1)."""
    fills = {"button_primary_background_fill": "*primary_700", "button_cancel_background_fill": "#b91c1c"}
    fills |= {f"{name}_hover": value for name, value in list(fills.items())}
    fills |= {f"{name}_dark": value for name, value in list(fills.items())}
    quiet = {"body_text_color_subdued": "*neutral_600", "body_text_color_subdued_dark": "*neutral_300"}
    labels = {"block_label_text_color": "*neutral_700", "block_title_text_color": "*neutral_700"}
    theme = gr.themes.Default(primary_hue="orange", neutral_hue="slate", font=_FONT, font_mono=_MONO)
    return theme.set(**fills, **quiet, **labels, button_cancel_text_color="white")


def css() -> str:
    return _CSS.read_text(encoding="utf-8")


def build(service: AnimationService) -> gr.Blocks:
    handlers = Handlers(service)
    longest = service.settings.limits.result_seconds
    presets, templates = list(service.presets), template_names()
    download: dict[str, Any] = {"interactive": False, "buttons": ["download"]}

    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(f'<div class="fa-head"><h1>{TITLE}</h1><p>One photo and a motion in, a video out.</p></div>')
        state, timer = gr.HTML(elem_id="fa-state"), gr.Timer(1.5)
        with gr.Row():
            with _step("1. Photo"):
                photo = gr.Image(
                    label="Photo of a face",
                    sources=["upload"],
                    height=260,
                    buttons=["download", "fullscreen"],
                    elem_id="fa-photo",
                )
                example = gr.Button("Use the example photo", size="sm", visible=bool(service.settings.photo))
                photo_view = gr.HTML(elem_id="fa-photo-view")
                face = gr.Radio(label="Which face?", choices=[], visible=False, elem_id="fa-face")
                gr.HTML(_CONSENT)
            with _step("2. Motion"):
                source = gr.Textbox("template", visible=False)
                with gr.Tabs(elem_id="fa-sources"):
                    with gr.Tab("Template", id="template") as template_tab:
                        choices = [(name.replace("_", " ").capitalize(), name) for name in templates]
                        template = gr.Radio(choices, value=templates[0], label="Ready-made motion")
                        template_view = gr.HTML(elem_id="fa-template-view")
                    with gr.Tab("Video", id="video") as video_tab:
                        video = gr.Video(label="Video of somebody's face", sources=["upload"], height=220)
                        video_view = gr.HTML(elem_id="fa-video-view")
                    with gr.Tab("Speech", id="speech") as speech_tab:
                        speech = gr.Audio(
                            label="What is to be said",
                            sources=["upload", "microphone"],
                            editable=False,
                        )
                        no_speech = "" if service.speaks else html_views.status(NO_SPEECH)
                        speech_view = gr.HTML(no_speech, elem_id="fa-speech-view")
        with gr.Row():
            with _step("3. Make the video"):
                choices = [(name.capitalize(), name) for name in presets]
                preset = gr.Radio(choices, value=presets[0], label="Quality")
                seconds = gr.Slider(0.1, longest, value=longest, step=0.1, label="Length in seconds")
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
            with _step("Result"):
                hint = html_views.status("Your video will appear here.")
                status = gr.HTML(hint, elem_id="fa-status", container=False)
                with gr.Group(visible=False) as result_group:
                    with gr.Tabs():
                        with gr.Tab("Video"):
                            result = gr.Video(
                                label="Your video", **download, elem_id="fa-result", autoplay=True
                            )
                        with gr.Tab("Side by side"):
                            columns = gr.Video(
                                label="Photo, motion and video", **download, elem_id="fa-columns"
                            )
                    command = gr.Textbox(
                        label="The command that makes the same video",
                        interactive=False,
                        buttons=["copy"],
                        lines=2,
                        elem_id="fa-command",
                    )
        gallery = gr.HTML(elem_id="fa-gallery")
        api = gr.Button(visible=False)
        words, face_file = gr.Textbox(visible=False), gr.File(visible=False)  # of the API alone

        # preprocess=False: this process decodes no upload, so the handlers get what the client sent
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "preprocess": False}
        views: dict[str, Any] = {**quiet, "concurrency_limit": None, "trigger_mode": "always_last"}
        page.load(handlers.show_state, None, [state, timer], **quiet)
        page.load(handlers.show_results, None, gallery, **quiet)
        page.load(handlers.show_motion("template"), [template, photo], [template_view, seconds], **views)
        timer.tick(handlers.show_state, None, [state, timer], **quiet)
        example.click(handlers.example_photo, None, photo, **quiet)
        seen = photo.change(handlers.show_photo, photo, [photo_view, face], **views)
        face.input(handlers.show_face, [photo, face], photo_view, **views)
        for name, tab, field, view in (
            ("template", template_tab, template, template_view),
            ("video", video_tab, video, video_view),
            ("speech", speech_tab, speech, speech_view),
        ):
            tab.select(None, None, source, js=f"() => '{name}'", **quiet)
            selected = [tab.select, field.change]
            gr.on(selected, handlers.show_motion(name), [field, photo], [view, seconds], **views)
            seen = seen.then(handlers.refit_motion(name), [field, photo], view, **views)

        values = {"photo": photo, "source": source, "template": template, "video": video, "speech": speech}
        values |= {
            "preset": preset,
            "seconds": seconds,
            "seed": seed,
            "steps": steps,
            "label": label,
            "face": face,
        }
        make.click(
            handlers.generate,
            inputs_kwargs=values,
            outputs=[status, result_group, result, columns, command, gallery, make, halt],
            concurrency_limit=None,
            scroll_to_output=True,
            **quiet,
        )
        halt.click(handlers.stop, None, None, concurrency_limit=None, **quiet)
        api.click(
            handlers.animate,
            inputs_kwargs=values,
            outputs=[result, columns, command, words, face_file],
            concurrency_limit=None,
            preprocess=False,
            api_name="animate",
        )
    return page


def _step(title: str) -> gr.Column:
    column = gr.Column(min_width=300)
    with column:
        gr.HTML(f'<div class="fa-step"><h2>{title}</h2></div>')
    return column
