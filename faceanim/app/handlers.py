"""Event handlers of the page and its API; every argument is what the client sent, which may be anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import gradio as gr

from faceanim.app import html_views
from faceanim.app.access_middleware import VISITOR
from faceanim.app.messages import NO_SPEECH, UserError
from faceanim.app.service import MODEL_STATES, AnimationService, Result
from faceanim.app.validation import face_index, file_path, video_request

_SHORTEST = 0.2  # seconds, smallest maximum of the length slider


class Handlers:
    def __init__(self, service: AnimationService) -> None:
        self.service = service
        self.mask = service.trained.get("mask") or {}  # options of ``face_mask``
        self.drawing = service.trained.get("drawing", "full")  # of ``draw_pose``

    async def show_state(self) -> tuple[Any, Any]:
        state = self.service.workers.state
        words = MODEL_STATES[state]
        return html_views.status(words) if words else "", gr.Timer(active=state == "loading")

    async def show_results(self, request: gr.Request) -> Any:
        return html_views.results_view(self.service.files.visit(_visitor(request)).results)

    async def example_photo(self, request: gr.Request) -> str:
        return str(self.service.example(_visitor(request)))

    async def show_photo(self, photo: Any, request: gr.Request) -> tuple[Any, Any]:
        """Return the photo's view, and the choice between its faces if there are several."""
        view, n_faces = "", 0
        if photo is not None:
            view, n_faces = await self._photo_view(photo, None, request)
        choices = [(f"Face {k}", k) for k in range(1, n_faces + 1)] if n_faces > 1 else []
        return view, gr.Radio(choices=choices, value=None, visible=bool(choices))

    async def show_face(self, photo: Any, face: Any, request: gr.Request) -> Any:
        view, _ = await self._photo_view(photo, face, request)
        return view

    async def _photo_view(self, photo: Any, face: Any, request: gr.Request) -> tuple[str, int]:
        try:
            found = await self.service.analyzer.photo(_visitor(request), file_path(photo), face_index(face))
        except UserError as error:
            return html_views.alert(str(error)), 0
        return html_views.photo_view(found, self.mask), len(found.boxes)

    def show_motion(self, source: str) -> Callable:
        """Return the handler for a motion that the visitor selects: (its view, the length slider)."""

        async def handler(value: Any, photo: Any, request: gr.Request) -> tuple[Any, Any]:
            self.service.files.visit(_visitor(request)).selections[source] += 1
            return await self._motion_view(source, value, photo, request)

        return handler

    def refit_motion(self, source: str) -> Callable:
        """Return the handler for a new photo: the view of the motion on this face, unless another is selected
        meanwhile."""

        async def handler(value: Any, photo: Any, request: gr.Request) -> Any:
            if value is None or photo is None:
                return gr.skip()
            selections = self.service.files.visit(_visitor(request)).selections
            before = selections[source]
            view, _ = await self._motion_view(source, value, photo, request)
            return view if selections[source] == before else gr.skip()

        return handler

    async def _motion_view(self, source: str, value: Any, photo: Any, request: gr.Request) -> tuple[Any, Any]:
        service, visitor, warnings = self.service, _visitor(request), ()
        if value is None:
            missing = source == "speech" and not service.speaks
            return html_views.status(NO_SPEECH) if missing else "", gr.skip()
        try:
            path_or_name = value if source == "template" else file_path(value)
            motion = await service.analyzer.motion(visitor, source, path_or_name)
        except UserError as error:
            return html_views.alert(str(error)), gr.skip()
        poses = motion.poses
        if photo is not None:
            with suppress(UserError):  # the photo's own view shows it
                face = await service.analyzer.photo(visitor, file_path(photo))
                warnings = service.suitability_warnings(face, motion)
                poses = await service.fit(face, motion, seed=0)
        most = max(_SHORTEST, round(min(motion.seconds, service.settings.limits.result_seconds), 1))
        view = await asyncio.to_thread(html_views.motion_view, motion, poses, self.drawing, warnings)
        return view, gr.Slider(maximum=most, value=most)

    async def generate(self, request: gr.Request, **values: Any) -> AsyncIterator[tuple]:
        """Yield (status, result group, video, side by side, command, results, generate button, stop button)."""
        unchanged = (gr.skip(),) * 5
        running = gr.Button(interactive=False), gr.Button(visible=True)
        ended = gr.Button(interactive=True), gr.Button(visible=False)
        yield html_views.status("Looking at your files ..."), *unchanged, *running
        try:
            async for step in self._animate(request, values):
                if isinstance(step, Result):
                    result = gr.Group(visible=True), str(step.video), str(step.columns), step.command
                    results = await self.show_results(request)
                    yield html_views.result_view(step), *result, results, *ended
                elif step.state == "waiting":
                    yield html_views.status(self.service.waiting_words(step)), *unchanged, *running
                else:
                    yield html_views.progress_view(step), *unchanged, *running
        except UserError as error:
            yield html_views.alert(str(error)), *unchanged, *ended

    async def stop(self, request: gr.Request) -> None:
        self.service.queue.cancel_of(_visitor(request))

    async def animate(
        self,
        request: gr.Request,
        video: Any = None,
        speech: Any = None,
        steps: Any = None,
        face: Any = None,
        **values: Any,
    ) -> AsyncIterator[tuple]:
        """Animate a photo. source: template, video or speech, which the motion comes from. seconds: 0 for all of it."""
        values |= {
            "video": video,
            "speech": speech,
            "steps": steps,
            "face": face,
        }  # those that may be missing
        try:
            async for step in self._animate(request, values):
                if isinstance(step, Result):
                    face_file = str(step.face_file) if step.face_file else None
                    yield str(step.video), str(step.columns), step.command, step.words, face_file
                else:
                    waiting = step.state == "waiting"
                    words = self.service.waiting_words(step) if waiting else f"{step.share:.0%}"
                    yield None, None, "", words, None
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def _animate(self, request: gr.Request, values: dict[str, Any]) -> AsyncIterator:
        wanted = video_request(list(self.service.presets), **values)
        return self.service.animate(_visitor(request), wanted)


def _visitor(request: gr.Request) -> str:
    return request.headers[VISITOR]
