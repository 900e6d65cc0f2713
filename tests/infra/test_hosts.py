"""Other devices in the network."""

import socket

import pytest

from infra.local.hosts import EVERYWHERE, LOOPBACK, find_address, find_hosts
from infra.local.pages import describe_network
from infra.local.process import StackError
from infra.local.resources import listen


def test_only_a_chosen_address_adds_names() -> None:
    assert find_hosts("") == LOOPBACK
    assert find_hosts("192.168.1.5") - LOOPBACK == {"192.168.1.5"}
    assert {socket.gethostname().lower(), find_address()} <= find_hosts(EVERYWHERE)


def test_the_user_is_told_the_addresses_and_the_risk() -> None:
    told = describe_network(8123, "192.168.1.5")
    assert "http://192.168.1.5:8123/" in told
    assert "can sign in with any name" in told


def test_the_stack_listens_at_localhost_and_another_address() -> None:
    sockets = listen(0, "127.0.0.2")
    names = [one.getsockname()[:2] for one in sockets]
    for one in sockets:
        one.close()
    assert {"127.0.0.1", "127.0.0.2"} <= {host for host, _ in names}
    assert len({port for _, port in names}) == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(StackError, match=host):
        listen(0, host)
