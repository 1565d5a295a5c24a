"""Documents there and back, in both forms, and hostile bytes."""

from __future__ import annotations

import datetime
import json

import hypothesis
import pytest
from hypothesis import strategies as st
from lxml import etree

from gateway.documents.follow import EVERYTHING, parse_follow
from gateway.documents.parse import parse
from gateway.documents.read import read_document
from gateway.documents.render import escape, json_bytes, xml_bytes
from gateway.documents.write import DocumentPlace, Writer
from gateway.read_model.model import ReadModel
from gateway.rest.requests.exchange import split_base, split_path, wants_json
from protocol.document import Document, Ref
from protocol.errors import BadInput
from protocol.inventory.model import DataCenter
from protocol.live.engine import Entity, Snapshot
from protocol.network.model import Mac, Network, Nic
from protocol.storage.model import Disk, DiskAttachment
from protocol.vm.model import Boot, OperatingSystem, Vm

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40)
VMS = st.builds(
    Vm,
    name=TEXT.filter(lambda text: text == text.strip()).filter(bool),
    description=TEXT.filter(lambda text: text == text.strip()),
    cluster=st.just(Ref(id="c")),
    memory=st.integers(2**24, 2**40),
    stateless=st.booleans(),
    os=st.just(OperatingSystem(type="other_linux", boot=Boot(devices=("hd", "network")))),
    placement_policy=st.none(),
    nics=st.just((Nic(name="nic1", mac=Mac(address="56:6f:00:00:00:01"), vnic_profile=Ref(id="p")),)),
    disk_attachments=st.just((DiskAttachment(interface="virtio", disk=Disk(provisioned_size=2**30)),)),
)


@hypothesis.given(VMS)
def test_there_and_back(vm: Vm) -> None:
    plain = Writer(ReadModel()).document(vm, DocumentPlace(), EVERYTHING)
    for body, kind in ((xml_bytes("vm", plain), "application/xml"), (json_bytes(plain), "application/json")):
        node = parse(body, kind)
        assert node is not None
        assert read_document(node, Vm, adding=True) == vm


@hypothesis.given(st.text())
def test_any_text_fits_into_xml(text: str) -> None:
    root = etree.fromstring(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    assert (root.text or "") == root.get("b")


@hypothesis.given(st.binary(max_size=200), st.sampled_from(["application/xml", "application/json", "", "text/plain"]))
def test_any_bytes_are_read_or_refused(body: bytes, kind: str) -> None:
    try:
        node = parse(body, kind)
        if node is not None:
            read_document(node, Vm, adding=True)
    except BadInput:
        pass


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "a", "name": "b"}', '{"memory": NaN}', "[1]", '"text"', '{"nics": [[1]]}',
        json.dumps({"os": {"boot": {"devices": {"hd": ["x"]}}}}), "{" * 2000,
    ],
)  # fmt: skip
def test_broken_json_is_refused(body: str) -> None:
    def read() -> None:
        node = parse(body.encode(), "application/json")
        assert node is not None
        read_document(node, Vm, adding=False)

    with pytest.raises(BadInput):
        read()


def test_times_have_milliseconds_and_a_zone() -> None:
    vm = Vm(id="1", creation_time=datetime.datetime(2030, 1, 2, 3, 4, 5, 678_901, datetime.UTC))
    assert Writer(ReadModel()).document(vm, DocumentPlace())["creation_time"] == "2030-01-02T03:04:05.678+00:00"


def test_paths() -> None:
    assert split_base("/ovirt-engine/api/vms") == ("/ovirt-engine/api", "/vms")
    assert split_base("/api") == ("/api", "")
    assert split_base("/apiary") is None
    assert split_path("/vms;max=10;case_sensitive=false/a%2Fb") == (
        ("vms", "a/b"),
        {"max": "10", "case_sensitive": "false"},
    )
    assert parse_follow("nics, disk_attachments.disk").into("diskattachments") is not None
    with pytest.raises(BadInput):
        parse_follow("a..b")


@pytest.mark.parametrize(
    ("accept", "content_type", "expected"),
    [
        ("application/json", "", True), ("application/xml", "application/json", False), ("*/*", "", False),
        ("", "application/json", True), ("application/xml;q=0.5, application/json", "", True), ("text/html", "", False),
    ],
)  # fmt: skip
def test_which_form_is_wanted(accept: str, content_type: str, expected: bool) -> None:
    assert wants_json(accept, content_type) is expected


def test_one_answer_embeds_a_bounded_number_of_objects() -> None:
    entities: list[tuple[str, Document]] = [("data_center", DataCenter(id="dc"))]
    entities += [("network", Network(id=f"n{n}", data_center=Ref(id="dc"))) for n in range(40)]
    model = ReadModel()
    found = tuple(Entity(kind=kind, id=each.id or "", version=1, document=each) for kind, each in entities)
    model.load(Snapshot(stream_id="s", sequence=1, entities=found))
    network = model.get("network", "n0")
    assert network is not None
    there_and_back = "data_center.networks"
    writer = Writer(model)
    for _ in range(20):  # each answer has a budget of its own
        plain = writer.record(network, parse_follow(f"{there_and_back}.{there_and_back}"))
        assert len(plain["data_center"]["networks"]["network"]) == 40
    with pytest.raises(BadInput, match="more than 20000 objects") as refused:
        writer.record(network, parse_follow(".".join([there_and_back] * 3)))
    assert refused.value.refusal.field == "follow"
