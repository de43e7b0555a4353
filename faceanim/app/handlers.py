"""What the page and its API answer; every argument is what was sent, which may be anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import gradio as gr

from faceanim.app import html_views, validation
from faceanim.app.access_middleware import VISITOR
from faceanim.app.analyzer import NO_SPEECH, UserError
from faceanim.app.service import AnimationService, Result
from faceanim.pose.draw import Drawing
from faceanim.pose.templates import template_names

TEMPLATES = template_names()
_SHORTEST = 0.2  # seconds that the page's slider ends at, at least


class Handlers:
    """mask, drawing: options of ``face_mask`` and ``draw_pose`` that the pipeline was trained with."""

    def __init__(self, service: AnimationService, mask: dict, drawing: Drawing) -> None:
        self.service, self.mask, self.drawing = service, mask, drawing

    async def show_state(self) -> tuple[Any, Any]:
        words = {
            "loading": "The model is loading; you can prepare everything meanwhile.",
            "failed": "The model could not be loaded. The people who run this platform have to look at its log.",
            "ready": "",
        }[self.service.workers.state]
        return html_views.status(words) if words else "", gr.Timer(
            active=self.service.workers.state == "loading"
        )

    async def show_results(self, request: gr.Request) -> Any:
        return html_views.results_view(self.service.files.visit(_who(request)).results)

    async def look_at_photo(self, file: Any, request: gr.Request) -> tuple[Any, Any]:
        hidden = gr.Radio(choices=[], value=None, visible=False)
        if file is None:
            return "", hidden
        try:
            look = await self.service.analyzer.photo(_who(request), validation.file_of(file))
        except UserError as error:
            return html_views.alert(str(error)), hidden
        choices = [(f"Face {k}", k) for k in range(1, len(look.boxes) + 1)]
        several = gr.Radio(choices=choices, value=None, visible=True) if len(choices) > 1 else hidden
        return html_views.photo_view(look, self.mask), several

    async def look_at_face(self, file: Any, face: Any, request: gr.Request) -> Any:
        try:
            look = await self.service.analyzer.photo(
                _who(request), validation.file_of(file), validation.face_of(face)
            )
        except UserError as error:
            return html_views.alert(str(error))
        return html_views.photo_view(look, self.mask)

    def looking_at(self, source: str) -> Callable:
        async def look_at_motion(value: Any, photo: Any, request: gr.Request) -> tuple[Any, Any]:
            visitor, warnings = _who(request), []
            looks = self.service.files.visit(visitor).looks
            looks[source] = looks.get(source, 0) + 1
            if value is None:
                missing = source == "speech" and not self.service.speaks
                return (html_views.status(NO_SPEECH) if missing else ""), gr.skip()
            try:
                look = await self.service.analyzer.motion(
                    visitor, source, value if source == "template" else validation.file_of(value)
                )
            except UserError as error:
                return html_views.alert(str(error)), gr.skip()
            poses = look.poses
            if photo is not None:
                with suppress(UserError):  # the photo's own view tells
                    seen = await self.service.analyzer.photo(visitor, validation.file_of(photo))
                    warnings = self.service.suits(seen, look)
                    poses = await self.service.fitted(seen, look, seed=0)
            most = max(_SHORTEST, round(min(look.seconds, self.service.settings.limits.result_seconds), 1))
            view = await asyncio.to_thread(html_views.motion_view, look, poses, self.drawing, warnings)
            return view, gr.Slider(maximum=most, value=most)

        return look_at_motion

    def showing(self, source: str) -> Callable:
        async def show_motion(value: Any, photo: Any, request: gr.Request) -> Any:
            if value is None or photo is None:
                return gr.skip()
            looks = self.service.files.visit(_who(request)).looks
            this_one = looks.get(source, 0) + 1
            view, _ = await self.looking_at(source)(value, photo, request)
            return (
                view if this_one == looks[source] else gr.skip()
            )  # else the visitor has chosen another meanwhile

        return show_motion

    async def example_photo(self, request: gr.Request) -> str:
        return str(self.service.example(_who(request)))

    async def generate(
        self,
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
        yield html_views.status("Looking at your files ..."), *same, *running
        try:
            wanted = validation.validated_request(
                photo, face, source, values, preset, seconds, seed, steps, label
            )
            async for step in self.service.animate(visitor, wanted):
                if isinstance(step, Result):
                    made = gr.Group(visible=True), str(step.video), str(step.columns), step.command
                    results = html_views.results_view(self.service.files.visit(visitor).results)
                    yield html_views.made_view(step), *made, results, *over
                else:
                    yield html_views.progress_view(step, self.service.wait_words(step)), *same, *running
        except UserError as error:
            yield html_views.alert(str(error)), *same, *over

    async def stop(self, request: gr.Request) -> None:
        self.service.stop(_who(request))

    async def animate(
        self,
        photo: Any,
        source: Any = "template",
        template: Any = TEMPLATES[0],
        video: Any = None,
        speech: Any = None,
        preset: Any = None,
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
            preset = next(iter(self.service.presets)) if preset is None else preset
            wanted = validation.validated_request(
                photo, face, source, values, preset, seconds, seed, steps, label
            )
            async for step in self.service.animate(_who(request), wanted):
                if isinstance(step, Result):
                    face_file = str(step.face_file) if step.face_file else None
                    yield str(step.video), str(step.columns), step.command, step.words, face_file
                else:
                    words = self.service.wait_words(step) if step.state == "waiting" else f"{step.share:.0%}"
                    yield None, None, "", words, None
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error


def _who(request: gr.Request) -> str:
    return request.headers[VISITOR]
