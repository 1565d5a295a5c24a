"""Help and completion come from the registry: every resource, attribute, action and parameter is there, quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli import index
from cli.options import normalize, readable, writable
from cli.session.session import CliSession
from cli.shell.prompting import completions
from cli.shell.sitting import Shell
from cli.tree import root as tree
from protocol import names, registry
from protocol.attributes import attributes
from tests.cli.conftest import Corral
from tests.cli.fake_gateway import FakeGateway

NOUNS = sorted(index.nouns())


def test_every_type_of_the_registry_is_a_noun() -> None:
    expected = {names.element_of(cls).replace("_", "") for cls in registry.OBJECTS}
    assert set(NOUNS) == expected


def test_the_first_help_names_every_noun_verb_and_daemon(corral: Corral) -> None:
    out = corral("--help").out
    for word in [*NOUNS, *tree.VERBS, *tree.STATIC, *tree.DAEMONS]:
        assert f"  {word} " in out, word


@pytest.mark.parametrize("name", NOUNS)
def test_every_attribute_shows_in_help(corral: Corral, name: str) -> None:
    noun = index.nouns()[name]
    cls = next(cls for cls in registry.OBJECTS if names.element_of(cls).replace("_", "") == name)
    listed = corral(name, "list", "--help").out
    for attribute in attributes(cls):
        assert f"  {attribute.name}" in listed, attribute.name
    for path, _ in readable(noun["attributes"]):
        assert path[0] in listed
    for verb in ("add", "update"):
        if noun[verb]:
            shown = corral(verb, name, "--help").out
            for path, entry in writable(noun["attributes"]):
                ending = "-name" if entry["type"] == "ref" and not entry.get("many") else ""
                assert normalize("--" + "-".join(path)) + ending in shown, path


@pytest.mark.parametrize("name", NOUNS)
def test_every_action_and_verb_has_help_with_an_example(corral: Corral, name: str) -> None:
    noun = index.nouns()[name]
    for verb in ["list", "show", *(verb for verb in ("add", "update", "remove") if noun[verb]), *noun["actions"]]:
        ran = corral(name, verb, "--help")
        assert ran.code == 0
        assert f"corral {name} {verb}" in ran.out.split("Examples:")[1]
    for action, entry in noun["actions"].items():
        shown = corral("action", name, "X", action, "--help").out
        for parameter in entry["parameters"]:
            assert normalize("--" + parameter["name"]) in shown


def test_when_an_attribute_takes_effect_is_said_where_a_vm_may_run(corral: Corral) -> None:
    said = "Running VMs get it at their next start."
    assert said not in " ".join(corral("vm", "add", "--help").out.split())
    assert said in " ".join(corral("vm", "update", "--help").out.split())
    assert said in " ".join(corral("nic", "add", "--help").out.split())


def test_help_tells_a_tag_from_its_assignment(corral: Corral) -> None:
    adding = " ".join(corral("tag", "add", "--help").out.split())
    assert "Assign an existing tag to this VM, by name or id; no tag is added." in adding
    assert "corral tag add --vm VM --name NAME" in adding
    removing = " ".join(corral("tag", "remove", "--help").out.split())
    assert "Only unassign the tag from this host, by name or id; the tag itself stays." in removing
    assert "corral tag remove NAME --host HOST" in removing


def test_what_is_said_of_one_run_is_not_said_of_later_ones(corral: Corral) -> None:
    shown = " ".join(corral("vm", "start", "--help").out.split())
    assert "next start" not in shown
    assert "For this run only. Not supported yet: cdrom." in shown
    assert "Running VMs get it at their next start." in " ".join(corral("vm", "update", "--help").out.split())


def test_help_and_completion_import_neither_attrs_nor_the_registry() -> None:
    program = (
        "import sys; from cli.main import main; code = main(sys.argv[1:]);"
        "heavy = {'attr', 'cattrs', 'protocol.registry', 'trio', 'http.client', 'ssl', 'yaml'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    index.nouns.cache_clear()
    index.nouns()  # writes the cache, as the first command after an installation does
    for words in (["--help"], ["vm", "--help"], ["vm", "start", "--help"], ["add", "nic", "--help"]):
        subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v", {"vm", "vnicprofile"}),
        ("vm st", {"start", "stop"}),
        ("list v", {"vms", "vnicprofiles"}),
        ("action vm web1 re", {"reboot", "reset", "resume"}),
        ("vm add --cpu-topo", {"--cpu-topology-sockets", "--cpu-topology-cores", "--cpu-topology-threads"}),
        ("vm add --type d", {"desktop"}),
        ("vm list -o js", {"json", "jsonl"}),
        ("vm show w", {"web1", "web2"}),
        ("nic show --vm web1 n", {"nic1"}),
        ("disc", {"disconnect"}),
        ("help vm sus", {"suspend"}),
    ],
)
def test_completion(fake: FakeGateway, text: str, expected: set[str]) -> None:
    for name in ("web1", "web2", "db1"):
        vm = fake.put("vms", name=name)
        fake.put(f"vms/{vm}/nics", name="nic1")
    assert {word for word, _, _ in completions(Shell(tree.root(), CliSession()), text)} == expected


def test_completion_without_a_gateway_is_silent() -> None:
    assert list(completions(Shell(tree.root(), CliSession()), "vm show w")) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(corral: Corral, shell: str) -> None:
    out = corral("completion", shell).out
    assert "_CORRAL_COMPLETE" in out
    assert "corral" in out


def test_a_stale_cache_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    index.nouns.cache_clear()
    path = f"{index.cache_folder()}/registry.json"
    index.nouns()
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"fingerprint": [], "nouns": {}}')
    index.nouns.cache_clear()
    assert "vm" in index.nouns()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORRAL_CACHE_DIR", "/proc/nowhere")
    index.nouns.cache_clear()
    assert "vm" in index.nouns()
