"""File names of any kind reach the configuration as they are typed."""

import os
import random
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from faceanim.app.reproduction import infer_command
from faceanim.cli import CONF_FOLDER, as_typed, typed
from faceanim.cli.help import help_text
from faceanim.cli.text_options import is_text, quote, text_options, without_interpolation

# separated by bars; some have no place in such a list
NAMES = r"""
photo (1).jpg|größe.jpg|it's me.jpg|a=b.jpg|a,b.jpg|[a] b.jpg|[1]|{x}.jpg|{a:b}|say "hi".jpg|'quoted'.jpg|-dash.jpg
$dollar.jpg|#1.jpg|100%.jpg|~home.jpg|~|a~b|back\slash.jpg|a\,b|${x}.jpg|\${x}|${x|$${x}|1e3|true|007|1_000|inf
a & b; c.jpg|!important|`a`|choice(a,b)|range(1,3)|int(1)|unknown(1)|a: b|@home|+plus|日本語.jpg|glob(*)|a\'b|a\\
.hidden|a==b|=a|,|(|]|a  b
"""
NAMES = [name for line in NAMES.strip().splitlines() for name in line.split("|")]
NAMES += [
    "end\\",
    "new\nline.jpg",
    "tab\t.jpg",
    "  spaces  ",
    "<a>|b?*.jpg",
    "é\u0301.jpg",
    "\udcff not utf-8.jpg",
]
PIECES = [
    *"ab1 .,=()[]{}'\"$#%\\~\n\t:;&|<>*?!`@+-_0é",
    *("${", "${x}", "\udcff", "ß", "null", "true", "1e3", "\\'"),
]


def random_names(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(PIECES, k=rng.randint(1, 9))) for _ in range(count)]


@pytest.fixture
def read(run_main):
    """What main gets of some words of a command line, once a job; or the error line."""

    def run(*words: str, config: str = "prepare") -> list[dict] | str:
        seen = []
        code, err = run_main(
            lambda cfg: seen.append(OmegaConf.to_container(cfg, resolve=True)), *words, config=config
        )
        return err if code else seen

    return run


def value_of(word: str) -> object:
    """What Hydra and OmegaConf make of one word of a command, also where another option refers to it."""
    value = OverridesParser.create().parse_override(word).value()
    cfg = OmegaConf.to_container(OmegaConf.create({"x": value, "y": "${x}"}), resolve=True)
    assert cfg["x"] == cfg["y"]
    return cfg["x"]


def test_a_quoted_text_is_the_same_text_behind_hydra():
    for name in [*NAMES, *random_names(600), "null", "photo.jpg"]:
        assert value_of(f"x={quote(name)}") == name
    assert quote("runs/a-1/photo.jpg") == "runs/a-1/photo.jpg"  # pleasant to read where it can be


def test_the_printed_command_gives_a_shell_and_hydra_the_same_bytes():
    names = [*NAMES, *random_names(300, seed=1), "null", "photo.jpg"]
    values = [{"reference": name, "driving": name[::-1], "seed": 7} for name in names]
    commands = "\n".join(infer_command(value, ["fps=null"]) for value in values)
    script = "python() { printf '%s\\0' \"$@\"; }\n" + commands
    done = subprocess.run(["bash", "-c", os.fsencode(script)], capture_output=True, check=True)
    words = [os.fsdecode(word) for word in done.stdout.split(b"\0")]
    for number, given in enumerate(values):
        script, *options = words[6 * number : 6 * number + 6]
        read = {word.partition("=")[0]: value_of(word) for word in as_typed(options, "infer")}
        assert script == "infer.py"
        assert read == {**given, "fps": None, "output": "animation.mp4"}


def test_names_of_files_are_taken_as_they_are_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(name).touch()
        assert value_of(*as_typed([f"raw={name}"], "prepare")) == name


def test_names_of_files_to_be_written_are_taken_as_they_are_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        if name in ("[1]", "{a:b}", "choice(a,b)", "range(1,3)", "glob(*)") or "\\" in name or "${x}" in name:
            continue  # Hydra's own notation, where no such file is there
        assert value_of(*as_typed([f"raw={name}"], "prepare")) == name


def test_main_gets_names_as_they_are_typed(read):
    for name in ("photo (1).jpg", "it's me.jpg", "a=b,c.jpg", "1e3"):
        assert read(f"raw={name}", f"output={name}.d")[0]["output"] == f"{name}.d"


def test_what_is_meant_for_hydra_stays_what_it_is(read, monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "/data")
    assert read("raw='a,b'", "output=x")[0]["raw"] == "a,b"
    assert read('raw="it\'s"', "output=x", "meta=null")[0]["raw"] == "it's"
    assert read("raw=${oc.env:SOMEWHERE}/clips", "output=${raw}")[0]["output"] == "/data/clips"
    assert read("raw=a\\,b", "output=x")[0]["raw"] == "a,b"
    assert read("raw=a", "output=x", "meta=null", "size=64")[0]["size"] == 64


def test_an_option_that_is_no_text_is_told_how_to_quote(read):
    err = read("raw=a", "output=x", "split_by=clip (1)")
    assert (
        err
        == "error: split_by=clip (1): Hydra cannot read the value; if it is text, type 'split_by=\"clip (1)\"'\n"
    )
    err = read("raw=${nowhere}", "output=x")
    assert err.count("\n") == 1 and "type 'raw=\"\\${nowhere}\"'" in err


def test_sweeps_mean_what_they_meant(read, tmp_path):
    sweep = ["-m", f"hydra.sweep.dir={tmp_path}"]
    assert [job["raw"] for job in read(*sweep, "raw=a,b/c", "output=x")] == ["a", "b/c"]
    assert [job["raw"] for job in read(*sweep, "raw=choice(a,b)", "output=x")] == ["a", "b"]
    assert [job["raw"] for job in read(*sweep, "raw='a (1)','b,c'", "output=x")] == ["a (1)", "b,c"]
    assert [job["raw"] for job in read(*sweep, "raw=a (1)", "output=x", "size=32,64")] == ["a (1)"] * 2
    assert [job["size"] for job in read(*sweep, "raw=a", "output=x", "size=range(32,36,2)")] == [32, 34]


def test_a_sweep_over_names_that_cannot_be_told_apart_is_refused_with_both_forms(read, tmp_path):
    sweep = ["-m", f"hydra.sweep.dir={tmp_path}", "output=x"]
    err = read(*sweep, "raw=a (1),b")
    assert err.startswith("error: raw=a (1),b: ") and err.count("\n") == 1
    one, several = (words for word in shlex.split(err) if (words := word.rstrip(",;")).startswith('raw="'))
    assert [job["raw"] for job in read(*sweep, one)] == ["a (1),b"]
    assert [job["raw"] for job in read(*sweep, several)] == ["a (1)", "b"]


def test_a_list_of_names_holds_them_as_they_are_typed(read):
    (cfg,) = read("folders=[clips (1), 1e3,größe,a=b]", "output=x", config="join_prepared")
    assert cfg["folders"] == ["clips (1)", "1e3", "größe", "a=b"]


def test_a_name_that_is_not_utf_8_is_printed_as_it_is():
    code = "from faceanim.cli import application; application('prepare')(lambda cfg: print(cfg.raw))()"
    done = subprocess.run([sys.executable, "-c", code, b"raw=\xff (1)", "output=x"], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"\xff (1)\n"), done.stderr


COMMANDS = sorted({path.stem for path in CONF_FOLDER.glob("*.yaml")} - {"command"})  # which all of them share
FILES = re.compile(r"(run folder|folder|file|image|video|npz|mp4|source|metrics\.json|dir|clips)( or |\||$)")


@pytest.mark.parametrize("name", COMMANDS)
def test_options_that_are_declared_as_text_exist_and_none_is_missing(name):
    declared = text_options(CONF_FOLDER / f"{name}.yaml")
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        cfg = compose(name, return_hydra_config=True)
    for option in declared:
        node = OmegaConf.to_container(cfg)
        for part in option.removesuffix(".*").split("."):
            assert part in node, f"{name}: {option}"
            node = node[part]
    for option, kind in re.findall(r"([\w.]+)=\[?<([^>]*)>", help_text(CONF_FOLDER / f"{name}.yaml")):
        if FILES.match(kind):
            assert is_text(option, declared), f"{name}: {option}=<{kind}>"


def test_a_schema_takes_texts_as_they_are():
    """What looks like an interpolation in a value that was resolved is text."""

    @dataclass
    class Names:
        name: str = ""
        names: list[str] = field(default_factory=list)

    for text in ("${ref}.png", r"a\${x}", "costs ${5}", "$$ {", "plain"):
        cfg = OmegaConf.create({"name": without_interpolation(text), "names": [without_interpolation(text)]})
        assert typed(cfg, Names) == Names(text, [text])
