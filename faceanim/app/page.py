"""The page: three steps and a result. What happens is in service.py."""

from pathlib import Path
from typing import Any

import gradio as gr

from faceanim.app import html_views
from faceanim.app.analyzer import NO_SPEECH
from faceanim.app.handlers import TEMPLATES, Handlers
from faceanim.app.service import AnimationService
from faceanim.pose.draw import Drawing

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


def build(service: AnimationService, mask: dict, drawing: Drawing) -> gr.Blocks:
    """mask, drawing: options of ``face_mask`` and ``draw_pose`` that the pipeline was trained with."""
    limits, presets = service.settings.limits, list(service.presets)
    handlers = Handlers(service, mask, drawing)

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
                    buttons=["download", "fullscreen"],
                    elem_id="fa-photo",
                )
                example = gr.Button("Use the example photo", size="sm", visible=bool(service.settings.photo))
                photo_view = gr.HTML(elem_id="fa-photo-view")
                face = gr.Radio(label="Which face?", choices=[], visible=False, elem_id="fa-face")
                gr.HTML(_CONSENT)
            with gr.Column(min_width=300):
                gr.HTML('<div class="fa-step"><h2>2. Motion</h2></div>')
                source = gr.Textbox("template", visible=False)
                with gr.Tabs(elem_id="fa-sources"):
                    with gr.Tab("Template", id="template") as template_tab:
                        template = gr.Radio(
                            [(name.replace("_", " ").capitalize(), name) for name in TEMPLATES],
                            value=TEMPLATES[0],
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
                        no_speech = "" if service.speaks else html_views.status(NO_SPEECH)
                        speech_view = gr.HTML(no_speech, elem_id="fa-speech-view")
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
                    html_views.status("Your video will appear here."), elem_id="fa-status", container=False
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
        gallery = gr.HTML(elem_id="fa-gallery")
        with gr.Row(visible=False):  # of the API alone
            api_photo = gr.Image(type="filepath", sources=["upload"])
            api_video, api_speech = gr.Video(sources=["upload"]), gr.Audio(type="filepath")
            api_source, api_template = gr.Textbox("template"), gr.Textbox(TEMPLATES[0])
            api_preset, api_seconds = gr.Textbox(presets[0]), gr.Number(0)
            api_seed, api_steps = gr.Number(0), gr.Number(None)
            api_label, api_face = gr.Checkbox(False), gr.Number(None)
            api_inputs = [api_photo, api_source, api_template, api_video, api_speech, api_preset, api_seconds]
            api_inputs += [api_seed, api_steps, api_label, api_face]
            api_result, api_columns = gr.Video(), gr.Video()
            api_command, api_state, api_face_file = gr.Textbox(), gr.Textbox(), gr.File()
            api = gr.Button()

        # preprocess: nothing of a visitor's is decoded in this process, so we get what the page sends
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "preprocess": False}
        looks: dict[str, Any] = {**quiet, "concurrency_limit": None, "trigger_mode": "always_last"}
        page.load(handlers.show_state, None, [state, timer], **quiet)
        page.load(handlers.show_results, None, gallery, **quiet)
        page.load(handlers.looking_at("template"), [template, photo], [template_view, seconds], **looks)
        timer.tick(handlers.show_state, None, [state, timer], **quiet)
        example.click(handlers.example_photo, None, photo, **quiet)
        seen = photo.change(handlers.look_at_photo, photo, [photo_view, face], **looks)
        face.input(handlers.look_at_face, [photo, face], photo_view, **looks)
        for name, tab, field, view in (
            ("template", template_tab, template, template_view),
            ("video", video_tab, video, video_view),
            ("speech", speech_tab, speech, speech_view),
        ):
            tab.select(None, None, source, js=f"() => '{name}'", **quiet)
            gr.on(
                [tab.select, field.change],
                handlers.looking_at(name),
                [field, photo],
                [view, seconds],
                **looks,
            )
            # once there is a photo: on this person's face
            seen = seen.then(handlers.showing(name), [field, photo], view, **looks)
        make.click(
            handlers.generate,
            [photo, face, source, template, video, speech, preset, seconds, seed, steps, label],
            [status, result_group, result, columns, command, gallery, make, halt],
            concurrency_limit=None,
            scroll_to_output=True,
            **quiet,
        )
        halt.click(handlers.stop, None, None, concurrency_limit=None, **quiet)
        api.click(
            handlers.animate,
            api_inputs,
            [api_result, api_columns, api_command, api_state, api_face_file],
            concurrency_limit=None,
            preprocess=False,
            api_name="animate",
        )
    return page
