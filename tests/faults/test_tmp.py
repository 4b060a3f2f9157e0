def test_x(trained):
    print(trained.states())
    assert 0
