"""What the stand-in knows of AWS: names, differences, replacements, made-up outputs and lookups."""

from __future__ import annotations

import pytest
from pulumi.runtime import rpc

from ops.engine import recorder
from ops.engine.standin import schema
from ops.engine.standin.differences import Change, changes
from ops.engine.standin.lookups import UnexpectedLookupError, answer_lookup
from ops.engine.standin.naming import autoname, name_property, with_name
from ops.engine.standin.outputs import OFFLINE_ACCOUNT_ID, computed_outputs, next_outputs
from ops.engine.standin.replacements import FORCES_NEW, forces_replacement

BUCKET = "aws:s3/bucket:Bucket"
FUNCTION = "aws:lambda/function:Function"


class TestNames:
    def test_a_given_name_stays(self) -> None:
        assert with_name(BUCKET, "site", {"bucket": "mine"}, {}, known={"bucket"}, seed=b"1") == {
            "bucket": "mine"
        }

    def test_a_missing_name_is_made_of_the_logical_one(self) -> None:
        made = with_name(BUCKET, "Site", {}, {}, known={"bucket"}, seed=b"1")["bucket"]
        assert made == autoname(BUCKET, "Site", b"1")
        assert made[:5] == "site-"  # buckets are lower case
        assert len(made) == 12

    def test_another_seed_makes_another_name(self) -> None:
        assert autoname(BUCKET, "site", b"1") != autoname(BUCKET, "site", b"2")

    def test_the_previous_name_is_kept(self) -> None:
        kept = with_name(BUCKET, "site", {}, {"bucket": "site-0000000"}, known={"bucket"}, seed=b"2")
        assert kept == {"bucket": "site-0000000"}

    def test_the_engines_own_proposal_goes_before_ours(self) -> None:
        made = with_name(BUCKET, "site", {}, {}, known={"bucket"}, seed=b"1", proposed="dev-site")
        assert made == {"bucket": "dev-site"}

    def test_no_name_is_made_where_the_project_forbids_it_or_a_prefix_is_given(self) -> None:
        assert with_name(BUCKET, "site", {}, {}, known={"bucket"}, seed=b"1", disabled=True) == {}
        given = {"bucketPrefix": "p-"}
        assert with_name(BUCKET, "site", given, {}, known={"bucket"}, seed=b"1") == given

    def test_types_without_a_name_get_none(self) -> None:
        assert (
            name_property("aws:route53/record:Record", schema.input_names("aws:route53/record:Record"))
            == "name"
        )
        assert name_property("aws:cloudfront/distribution:Distribution", {"origins"}) is None
        assert name_property("random:index/randomId:RandomId", {"name"}) is None

    def test_names_fit_what_aws_allows(self) -> None:
        assert len(autoname("aws:lb/targetGroup:TargetGroup", "x" * 60, b"1")) == 32
        assert autoname("aws:kms/alias:Alias", "key", b"1").startswith("alias/key-")


class TestDifferences:
    def test_nothing_changed(self) -> None:
        assert changes(BUCKET, {"tags": {"a": "b"}}, {"tags": {"a": "b"}, "__defaults": []}) == []

    def test_the_innermost_path_is_told(self) -> None:
        old = {"origins": [{"domainName": "a", "originId": "1"}], "enabled": True}
        new = {"origins": [{"domainName": "b", "originId": "1"}], "enabled": True, "comment": "x"}
        assert changes("aws:cloudfront/distribution:Distribution", old, new) == [
            Change("comment", "add", False),
            Change("origins[0].domainName", "update", False),
        ]

    def test_list_items_come_and_go(self) -> None:
        found = changes(
            "aws:cloudfront/distribution:Distribution", {"aliases": ["a", "b"]}, {"aliases": ["a"]}
        )
        assert found == [Change("aliases[1]", "delete", False)]

    def test_a_key_that_is_no_name_stands_in_brackets(self) -> None:
        assert changes(BUCKET, {"tags": {}}, {"tags": {"a:b": "c"}}) == [Change('tags["a:b"]', "add", False)]

    def test_a_file_is_compared_whole(self) -> None:
        mark = {rpc._special_sig_key: rpc._special_asset_sig}
        found = changes(FUNCTION, {"code": {**mark, "hash": "1"}}, {"code": {**mark, "hash": "2"}})
        assert found == [Change("code", "update", False)]

    @pytest.mark.parametrize(
        ("type_token", "path", "replaces"),
        [
            (BUCKET, "bucket", True),
            (BUCKET, "tags.a", False),
            (BUCKET, "region", True),
            (FUNCTION, "name", True),
            (FUNCTION, "memorySize", False),
            ("aws:cloudfront/distribution:Distribution", "aliases[0]", False),
            ("aws:dynamodb/table:Table", "hashKey", True),
            ("aws:ec2/subnet:Subnet", "cidrBlock", True),
            ("aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", True),
            ("aws:apigateway/restApi:RestApi", "name", False),
            ("random:index/randomPassword:RandomPassword", "keepers.generation", True),
            ("aws:sns/platformApplication:PlatformApplication", "name", True),  # by the rule for the rest
        ],
    )
    def test_what_forces_a_new_resource(self, type_token: str, path: str, replaces: bool) -> None:
        assert forces_replacement(type_token, path) is replaces

    @pytest.mark.slow
    def test_the_table_names_real_types_and_properties(self) -> None:
        wrong = [
            f"{type_token}.{name}"
            for type_token, names in FORCES_NEW.items()
            for name in sorted(names)
            if name not in schema.input_names(type_token)
        ]
        assert wrong == []


class TestOutputs:
    def made(self, type_token: str, inputs: dict[str, object], stack: str = "dev") -> dict[str, object]:
        return computed_outputs(
            type_token, "x", inputs, account=OFFLINE_ACCOUNT_ID, region="eu-central-1", stack=stack
        )

    def test_the_recorder_and_the_engine_stand_in_for_one_account(self) -> None:
        assert recorder.ACCOUNT_ID == OFFLINE_ACCOUNT_ID

    def test_they_are_the_same_on_every_run_and_differ_by_stack(self) -> None:
        first = self.made("aws:cloudfront/distribution:Distribution", {})
        assert first == self.made("aws:cloudfront/distribution:Distribution", {})
        assert first["id"] != self.made("aws:cloudfront/distribution:Distribution", {}, stack="prod")["id"]

    def test_tags_come_back(self) -> None:
        assert self.made(BUCKET, {"bucket": "b", "tags": {"a": "b"}})["tagsAll"] == {"a": "b"}

    def test_a_type_without_an_entry_has_an_id_and_an_arn(self) -> None:
        made = self.made("aws:athena/workgroup:Workgroup", {"name": "w"})
        assert made == {"id": "w", "arn": f"arn:aws:athena:eu-central-1:{OFFLINE_ACCOUNT_ID}:w"}

    def test_a_published_function_gets_a_new_version(self) -> None:
        inputs = {"name": "f", "publish": True}
        made = self.made(FUNCTION, inputs)
        updated = next_outputs(FUNCTION, made, inputs, made)
        assert (made["version"], updated["version"]) == ("1", "2")
        assert str(updated["qualifiedArn"]).endswith(":f:2")
        assert next_outputs(FUNCTION, made, {"name": "f"}, made)["version"] == "1"


class TestLookups:
    def ask(self, token: str, **arguments: object) -> dict[str, object]:
        return answer_lookup(token, arguments, account=OFFLINE_ACCOUNT_ID, region="eu-central-1")

    def test_published_ids_are_the_true_ones(self) -> None:
        found = self.ask("aws:cloudfront/getCachePolicy:getCachePolicy", name="Managed-CachingDisabled")
        assert found["id"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"

    def test_answers_follow_the_question(self) -> None:
        zone = self.ask("aws:route53/getZone:getZone", name="yourdomain.com.")
        assert zone["name"] == "yourdomain.com"
        assert zone["zoneId"] != self.ask("aws:route53/getZone:getZone", name="example.org")["zoneId"]
        vpc = self.ask("aws:ec2/getVpc:getVpc", id="vpc-1")
        assert vpc["id"] == "vpc-1"
        names = self.ask("aws:index/getAvailabilityZones:getAvailabilityZones")["names"]
        assert names == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]

    def test_image_parameters_hold_images(self) -> None:
        name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
        assert str(self.ask("aws:ssm/getParameter:getParameter", name=name)["value"]).startswith("ami-0")

    def test_an_unexpected_lookup_fails_with_its_token(self) -> None:
        with pytest.raises(UnexpectedLookupError, match="aws:rds/getCluster:getCluster"):
            self.ask("aws:rds/getCluster:getCluster")
