"""The page.  what a visitor hands over -> what the model says of it

Streamlit runs this file anew for each visitor at each click; `mmser app` gives it its settings.
"""

import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from mmser.app import markup
from mmser.app.answering import Answer, UploadLimits, answer, hears_words, needs_words, show_name
from mmser.app.equipment import AppSettings, Equipment, load_equipment
from mmser.app.style import CSS
from mmser.errors import AudioError, MmserError

logger = logging.getLogger(__name__)

UPLOAD, RECORD, SAMPLES = "Upload", "Record", "Samples"
NO_MICROPHONE = (
    "No microphone? Allow it for this page in the browser's address bar and click again, or upload a "
    "recording. Browsers give it to pages of this machine and of https alone."
)


class Clip(NamedTuple):
    """What a visitor handed over."""

    name: str
    content: bytes
    is_recorded: bool = False


def show_page(settings: AppSettings) -> None:
    """Draw the whole page."""
    st.set_page_config(page_title="Emotion in speech", layout="centered", menu_items={})
    st.html(CSS)
    equipment = load_equipment(settings)
    st.html(markup.format_header(hears_words(equipment.recognizer)))
    limits = settings.limits.of_a_clip() if needs_words(equipment.recognizer) else settings.limits
    clip = ask_for_clip(equipment, limits)
    words = ask_for_words(equipment) if clip else None
    if clip:
        show_clip(clip, words, equipment, limits)
    else:
        forget_answer()
    with st.expander("About the model", expanded=clip is None):
        st.html(markup.format_model(equipment.metrics, equipment.recognizer.classes, show_name(settings.run)))
    st.html(markup.format_footer())


def ask_for_clip(equipment: Equipment, limits: UploadLimits) -> Clip | None:
    """Let the visitor upload, record or choose one."""
    ways = [UPLOAD, RECORD, *([SAMPLES] if equipment.samples else [])]
    label = "Where the clip comes from"
    way = st.segmented_control(label, ways, default=UPLOAD, required=True, label_visibility="collapsed")
    if way == RECORD:
        recorded = st.audio_input("About three seconds of speech. The browser asks for the microphone.")
        if not recorded:
            st.caption(NO_MICROPHONE)
        return Clip("recording.wav", recorded.getvalue(), is_recorded=True) if recorded else None
    if way == SAMPLES:
        return choose_sample(equipment)
    uploaded = st.file_uploader(
        f"A recording of speech: WAV, FLAC, MP3 or OGG, up to {limits.max_upload_mb} MB and "
        f"{limits.max_minutes:g} minutes.",
        max_upload_size=limits.max_upload_mb,
    )
    return Clip(uploaded.name, uploaded.getvalue()) if uploaded else None


def choose_sample(equipment: Equipment) -> Clip | None:
    """Let the visitor click a sample."""
    label = "Clips to try."
    if equipment.samples_are_synthetic:
        label += " A synthesizer speaks them: they show the page, not how well people are understood."
    name = st.pills(label, [*equipment.samples])
    return None if name is None else Clip(name, equipment.samples[name])


def ask_for_words(equipment: Equipment) -> str | None:
    """What is said, where the model reads and nobody listens; None where Whisper does."""
    if not needs_words(equipment.recognizer):
        return None
    return st.text_input("What is said in it? The model reads it too, and has no Whisper that listens.") or ""


def show_clip(clip: Clip, words: str | None, equipment: Equipment, limits: UploadLimits) -> None:
    """Answer a clip, once however often the page is drawn, and show the answer."""
    key = hashlib.sha256(clip.content).hexdigest(), clip.name, words
    if st.session_state.get("key") != key:
        forget_answer()
        try:
            with st.spinner("Listening …", show_time=True):
                given = answer(equipment.recognizer, clip.name, clip.content, limits, words)
        except AudioError as error:
            st.error(escape_markdown(str(error)))
            return
        except MmserError:
            logger.exception("A clip was not answered.")
            st.error("The model cannot answer now. Whoever runs this page finds the reason in its log.")
            return
        st.session_state.update(key=key, answer=given)
    show_answer(st.session_state["answer"], clip, equipment)


def forget_answer() -> None:
    """Let go of what was said of the clip before."""
    for name in ("key", "answer"):
        st.session_state.pop(name, None)


def show_answer(given: Answer, clip: Clip, equipment: Equipment) -> None:
    """Answer and picture beside one another; of a longer recording below one another."""
    text = markup.format_answer(given, equipment.recognizer.abstain_threshold, name_transcriber(equipment))
    if given.timeline is None:
        left, right = st.columns([5, 6], gap="medium")
    else:
        left = right = st.container()
    left.html(text)
    right.html(markup.format_pictures(given.pictures, given.describe_pictures()))
    if given.timeline is None:
        right.caption("Parts on grey are cut before the model listens.")
    if not clip.is_recorded:  # which has a player already
        right.audio(clip.content)
    if given.timeline is not None:
        with st.expander("What is heard when"):
            st.html(markup.format_segments(given.timeline))
    left.download_button(
        "Save as JSON",
        json.dumps(given.to_dict(), ensure_ascii=False, indent=1),
        f"{Path(given.name).stem}.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def name_transcriber(equipment: Equipment) -> str:
    """Where the words came from."""
    return "What you typed" if needs_words(equipment.recognizer) else "What Whisper heard"


def escape_markdown(text: str) -> str:
    """Text that Streamlit shows as it is."""
    return "".join(f"\\{each}" if each in "\\`*_{}[]()<>#+-.!|~$:&" else each for each in text)


if __name__ == "__main__":
    show_page(AppSettings.from_json(sys.argv[1]))
