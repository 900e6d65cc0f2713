"""Secrets that the service makes itself."""

from concurrent.futures import ThreadPoolExecutor

from chalicelib.identity.secrets import forget_secret, get_secret
from tests.fakes.backend import World


def test_a_secret_is_made_once_until_it_is_forgotten(store: World) -> None:
    first = get_secret(store.store, "signing")

    assert len(first) >= 32
    assert get_secret(store.store, "signing") == first
    assert get_secret(store.store, "another") != first

    forget_secret(store.store, "signing")
    assert get_secret(store.store, "signing") != first


def test_processes_that_race_for_a_secret_get_the_same(engine_world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: get_secret(engine_world.store, "signing"), range(8)))

    assert len(found) == 1
