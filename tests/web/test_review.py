from tests.desks import Client
from tests.scenes import Scene


def test_a_case_is_approved_at_the_desk(scene: Scene, signed_in: Client) -> None:
    (case,) = scene.waiting(1)
    rita = signed_in("rita")
    page = rita.get("/review")
    assert page.status_code == 200
    assert f"Case {case}" in page.text
    item = page.text.split('action="/review/')[1].split('"')[0]
    fence = page.text.split('name="fence" value="')[1].split('"')[0]
    answer = rita.post(f"/review/{item}", data={"fence": fence, "outcome": "approve"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/review")
    assert scene.state(case) == "decided"
