"""Districts and streets are read once for a page, and anew for everything else."""

from citywatch.city.registry import queries
from citywatch.mechanisms.jurisdiction.models import Place


def test_a_page_reads_the_areas_once(city, django_assert_num_queries):
    with queries.areas_read_once(), django_assert_num_queries(1):
        assert queries.districts()
        assert queries.streets()
        street = queries.streets()[0]
        facts = queries.place_facts([street.pk])[street.pk]

    assert (facts.street_id, facts.district_id) == (street.pk, street.parent_id)


def test_what_changes_is_seen_by_the_next_page_and_at_once_by_whoever_writes(city):
    with queries.areas_read_once():
        queries.districts()
    Place.objects.filter(code="110106").update(name_zh="新丰台区")

    with queries.areas_read_once():
        assert "新丰台区" in {place.name_zh for place in queries.districts()}
    Place.objects.filter(code="110106").update(name_zh="丰台区")
    assert "丰台区" in {place.name_zh for place in queries.districts()}


def test_places_below_the_areas_are_asked_for_and_the_city_is_in_no_district(city):
    site = Place.objects.exclude(kind__in=["city", "district", "street"]).first()
    facts = queries.place_facts([site.pk, city.pk])

    assert facts[site.pk].district_id == Place.objects.get(code=site.code[:6]).pk
    assert facts[city.pk].district_id == 0
