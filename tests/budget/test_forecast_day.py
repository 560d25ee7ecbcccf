"""What the rest of the day will take, by the words of the page: as in the last three hours."""

from datetime import UTC, datetime, timedelta

from crm_sync.budget.report import forecast_day

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def test_day_goes_on_as_in_this_hour_and_the_two_before() -> None:
    hours = {NOW.replace(hour=hour, minute=0): 0 for hour in range(13)}
    told = {
        (): (0, 0),
        ((12, 50),): (50, 50 + round(50 / 2.5 * 11.5)),
        ((10, 20), (11, 20), (12, 10)): (50, 50 + round(50 / 2.5 * 11.5)),
        ((9, 500), (11, 25)): (525, 525 + round(25 / 2.5 * 11.5)),
    }

    for made, expected in told.items():
        by_hour = hours | {NOW.replace(hour=hour, minute=0): requests for hour, requests in made}
        day = forecast_day(by_hour, NOW)
        assert (day.so_far, day.in_all) == expected, made
    first = {NOW - timedelta(minutes=30): 10}
    assert forecast_day(first, NOW).in_all == 10 + round(10 / 0.5 * 11.5)
