"""The unmodified oVirt SDK against a gateway over real TLS: the path that most scripts take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ovirtsdk4 as sdk
import ovirtsdk4.types as types
import pytest
import trio.testing

from protocol.activity.model import Event
from tests.engine.installation import Installation, small_installation
from tests.engine.names import named_id
from tests.engine.running import running_engine
from tests.engine.samples import host_samples
from tests.gateway.running import PASSWORD, Running, running


def connect(gateway: Running, **more: Any) -> sdk.Connection:
    settings = {"username": "admin@internal", "password": PASSWORD, "ca_file": str(gateway.ca_file), "timeout": 20}
    return sdk.Connection(url=f"{gateway.url}/ovirt-engine/api", **(settings | more))


async def with_sdk(tmp_path: Path, site: Installation, script: Callable[[sdk.Connection], None]) -> None:
    async with running(site.engine.port, tmp_path) as gateway:

        def run() -> None:
            connection = connect(gateway)
            script(connection)
            connection.close()

        await trio.to_thread.run_sync(run)


async def test_inventory(tmp_path: Path) -> None:
    def script(connection: sdk.Connection) -> None:
        system = connection.system_service()
        api = system.get()
        assert (api.product_info.version.major, api.product_info.version.minor) == (4, 5)
        assert api.summary.hosts.total == 2
        assert connection.test(raise_exception=True)
        (data_center,) = system.data_centers_service().list()
        assert (data_center.name, data_center.status) == ("Default", types.DataCenterStatus.UP)
        (cluster,) = system.clusters_service().list(search="name=Default")
        assert connection.follow_link(cluster.data_center).name == "Default"
        hosts = system.hosts_service().list(search="status=up sortby name", max=10)
        assert [host.name for host in hosts] == ["host-0", "host-1"]
        assert hosts[0].summary.active == 2
        (domain,) = system.storage_domains_service().list(search="datacenter=Default and type=data")
        assert domain.storage.type == types.StorageType.LOCALFS
        networks = connection.follow_link(connection.follow_link(data_center).networks)
        assert [network.name for network in networks] == ["ovirtmgmt"]

    async with small_installation(vms=3, hosts=2) as site:
        await with_sdk(tmp_path, site, script)


def until(service: Any, status: Any) -> Any:
    """The object, once it has this status."""
    for _ in range(200):
        if (found := service.get()).status == status:
            return found
        time.sleep(0.02)
    raise AssertionError(f"it is {found.status}, not {status}")


async def test_life_of_a_vm(tmp_path: Path) -> None:
    def script(connection: sdk.Connection) -> None:
        system = connection.system_service()
        vms = system.vms_service()
        vm = vms.add(
            types.Vm(
                name="from-sdk", cluster=types.Cluster(name="Default"), template=types.Template(name="tiny"),
                memory=256 * 1024**2, cpu=types.Cpu(topology=types.CpuTopology(cores=2, sockets=1, threads=1)),
                os=types.OperatingSystem(boot=types.Boot(devices=[types.BootDevice.HD])),
            )
        )  # fmt: skip
        service = vms.vm_service(vm.id)
        until(service, types.VmStatus.DOWN)
        nic = service.nics_service().add(
            types.Nic(
                name="nic1", vnic_profile=types.VnicProfile(name="ovirtmgmt"), interface=types.NicInterface.VIRTIO
            )
        )
        assert nic.mac.address
        attachments = service.disk_attachments_service()
        attachment = attachments.add(
            types.DiskAttachment(
                disk=types.Disk(
                    name="data", format=types.DiskFormat.COW, provisioned_size=1024**3,
                    storage_domains=[types.StorageDomain(name="local")],
                ),
                interface=types.DiskInterface.VIRTIO_SCSI, bootable=False, active=True,
            )
        )  # fmt: skip
        assert connection.follow_link(attachment.disk).provisioned_size == 1024**3
        assert len(attachments.list()) == 2
        until(system.disks_service().disk_service(attachment.disk.id), types.DiskStatus.OK)
        until(service, types.VmStatus.DOWN)
        service.start()
        vm = until(service, types.VmStatus.UP)
        assert connection.follow_link(vm.host).name == "host-0"
        with pytest.raises(sdk.Error, match="Cannot start VM from-sdk: it is up") as refused:
            service.start()
        assert refused.value.code == 409
        vm.memory = 512 * 1024**2
        changed = service.update(vm)
        assert (changed.memory, changed.next_run_configuration_exists) == (256 * 1024**2, True)
        assert len(service.ticket().value) >= 8
        service.shutdown()
        down = until(service, types.VmStatus.DOWN)
        assert (down.memory, down.next_run_configuration_exists) == (512 * 1024**2, False)
        nics = service.nics_service()
        changed = nics.list()[0]
        changed.name = "renamed"
        assert nics.nic_service(changed.id).update(changed).name == "renamed"
        nics.nic_service(changed.id).remove()
        attachments.attachment_service(attachment.id).remove()
        until(service, types.VmStatus.DOWN)
        service.remove()
        for _ in range(200):
            if not vms.list(search="name=from-sdk"):
                break
            time.sleep(0.02)
        with pytest.raises(sdk.NotFoundError):
            service.get()

    async with small_installation(vms=0, hosts=2) as site:
        await with_sdk(tmp_path, site, script)
        assert not site.world.running()


async def test_what_the_guest_reports(tmp_path: Path) -> None:
    async with small_installation(hosts=2) as site, running(site.engine.port, tmp_path) as gateway:
        site.engine.services.publish(host_samples(named_id("host-0"), [named_id("vm-0")]))
        device = site.document("vm", named_id("vm-0")).reported_devices[0]

        def script() -> None:
            connection = connect(gateway)
            vms = connection.system_service().vms_service()
            (vm,) = vms.list(search="name=vm-0", follow="nics,reported_devices,statistics")
            assert vm.fqdn == "vm-0"
            assert vm.reported_devices[0].ips[0].address == device.ips[0].address
            assert vm.reported_devices[0].ips[0].version == types.IpVersion.V4
            figures = {item.name: item.values[0].datum for item in vm.statistics}
            assert figures["memory.used"] == 512 * 1024**2
            service = vms.vm_service(vm.id)
            assert {item.name for item in service.statistics_service().list()} == set(figures)
            host = connection.system_service().hosts_service().host_service(named_id("host-0"))
            free = [item for item in host.statistics_service().list() if item.name == "memory.free"]
            assert free[0].values[0].datum == 48 * 1024**3
            devices = service.nics_service().nic_service(vm.nics[0].id).reported_devices_service().list()
            assert devices[0].mac.address == device.mac.address
            connection.close()

        await trio.to_thread.run_sync(script)


async def test_events_and_pages(tmp_path: Path) -> None:
    def script(connection: sdk.Connection) -> None:
        events = connection.system_service().events_service()
        (last,) = events.list(max=1)
        assert last.description == "event 4"
        assert last.time.year == 2030
        made = events.add(
            types.Event(
                description="restored", severity=types.LogSeverity.NORMAL, origin="backup", custom_id=99,
                vm=types.Vm(id=named_id("vm-0")),
            )
        )  # fmt: skip
        (later,) = events.list(from_=int(last.id))
        assert (later.id, later.custom_id, later.vm.id) == (made.id, 99, named_id("vm-0"))

    async with small_installation(vms=1, hosts=0) as site:
        for number in range(5):
            site.engine.audit(Event(severity="normal", code=1, description=f"event {number}"))
        await trio.testing.wait_all_tasks_blocked()
        await with_sdk(tmp_path, site, script)


async def test_hosts_and_inventory_changes(tmp_path: Path) -> None:
    def script(connection: sdk.Connection) -> None:
        system = connection.system_service()
        host = system.hosts_service().host_service(named_id("host-1"))
        host.deactivate(reason="cleaning")
        until(host, types.HostStatus.MAINTENANCE)
        host.activate()
        until(host, types.HostStatus.UP)
        centers = system.data_centers_service()
        center = centers.add(types.DataCenter(name="other", local=False, description="two & <three>"))
        assert centers.data_center_service(center.id).get().description == "two & <three>"
        with pytest.raises(sdk.Error, match="taken") as refused:
            centers.add(types.DataCenter(name="other", local=False))
        assert refused.value.fault.detail == "[name] Choose another name."
        networks = system.networks_service()
        network = networks.add(
            types.Network(name="blue", data_center=types.DataCenter(name="other"), usages=[types.NetworkUsage.VM])
        )
        assert network.usages == [types.NetworkUsage.VM]
        networks.network_service(network.id).remove()

    async with small_installation(vms=0, hosts=2) as site:
        await with_sdk(tmp_path, site, script)


async def test_wrong_password_and_lost_token(tmp_path: Path) -> None:
    async with running_engine() as made, running(made.engine.port, tmp_path) as gateway:

        def script() -> None:
            with pytest.raises(sdk.AuthError, match="access_denied"):
                connect(gateway, password="wrong").authenticate()
            connection = connect(gateway)
            connection.authenticate()
            connection._sso_token = "made-up"  # the SDK logs in once more and goes on
            assert connection.system_service().get().product_info.name == "Corral"
            token = connection.authenticate()
            connection.close()
            revoked = connect(gateway, token=token, username=None, password=None)
            with pytest.raises(sdk.AuthError):
                revoked.system_service().get()

        await trio.to_thread.run_sync(script)


async def test_tags(tmp_path: Path) -> None:
    def script(connection: sdk.Connection) -> None:
        system = connection.system_service()
        tags = system.tags_service()
        assert [tag.name for tag in tags.list()] == ["root"]
        prod = tags.add(types.Tag(name="prod", description="serves users"))
        web = tags.add(types.Tag(name="web", parent=types.Tag(name="prod")))
        assert connection.follow_link(web.parent).name == "prod"
        vm = system.vms_service().list(search="name=vm-0")[0]
        mine = system.vms_service().vm_service(vm.id).tags_service()
        assert mine.add(types.Tag(name="web")).id == web.id
        mine.add(types.Tag(id=web.id))
        assert [tag.name for tag in mine.list()] == ["web"]
        assert mine.tag_service(web.id).get().name == "web"
        assert [found.name for found in system.vms_service().list(search="tag=prod")] == ["vm-0"]
        mine.tag_service(web.id).remove()
        assert mine.list() == []
        with pytest.raises(sdk.NotFoundError):
            mine.tag_service(web.id).remove()
        tags.tag_service(prod.id).update(types.Tag(name="production"))
        tags.tag_service(prod.id).remove()
        assert [tag.name for tag in tags.list()] == ["root"]

    async with small_installation(vms=1, hosts=1) as site:
        await with_sdk(tmp_path, site, script)
