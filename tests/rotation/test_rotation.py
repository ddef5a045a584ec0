"""Tests of the rotation function, with clients that imitate Secrets Manager and RDS.

Run: python3 -m unittest tests/rotation/test_rotation.py
"""

import contextlib
import io
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "src" / "kinds" / "lambda" / "rotation"))

import lambda_function  # noqa: E402
from lambda_function import Held, Impossible, Rotation  # noqa: E402

SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:payment-db-AbCdEf"
OLD, NEW = "old-version", "new-version"
VALUE = {
    "engine": "postgres",
    "host": "payment-db.abc.us-east-1.rds.amazonaws.com",
    "port": 5432,
    "username": "dbadmin",
    "password": "OldPassword0123456789OldPassword",
    "dbname": "paymentdb",
}


class NotFound(Exception):
    pass


class Secrets:
    class exceptions:
        ResourceNotFoundException = NotFound

    def __init__(self):
        self.values = {OLD: json.dumps(VALUE)}
        self.stages = {OLD: ["AWSCURRENT"], NEW: ["AWSPENDING"]}
        self.tags = []
        self.writes = []
        self.generated = 0

    def describe_secret(self, SecretId):
        return {"Tags": self.tags, "VersionIdsToStages": self.stages}

    def get_secret_value(self, SecretId, VersionStage, VersionId=None):
        for version, stages in self.stages.items():
            if VersionStage in stages and VersionId in (None, version) and version in self.values:
                return {"VersionId": version, "SecretString": self.values[version]}
        raise NotFound

    def get_random_password(self, PasswordLength, ExcludePunctuation, ExcludeCharacters, RequireEachIncludedType):
        self.generated += 1
        self.excluded = ExcludeCharacters
        return {"RandomPassword": f"Fresh{self.generated}".ljust(PasswordLength, "x")}

    def put_secret_value(self, SecretId, ClientRequestToken, SecretString, VersionStages):
        self.writes.append("put")
        self.values[ClientRequestToken] = SecretString
        self.stages[ClientRequestToken] = VersionStages

    def update_secret_version_stage(self, SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId):
        self.writes.append("stage")
        self.stages[RemoveFromVersionId] = ["AWSPREVIOUS"]
        self.stages[MoveToVersionId].append(VersionStage)


class Rds:
    """Returns `available` after `busy` reads, and applies a change during the read that follows the change."""

    def __init__(self, busy=0):
        self.password = VALUE["password"]
        self.pending = None
        self.busy = busy
        self.changes = []
        self.described = set()

    def describe_db_instances(self, DBInstanceIdentifier):
        self.described.add(DBInstanceIdentifier)
        instance = {"DBInstanceStatus": "available", "MasterUsername": "dbadmin", "PendingModifiedValues": {}}
        if self.busy:
            self.busy -= 1
            instance["DBInstanceStatus"] = "backing-up"
        elif self.pending:
            instance["PendingModifiedValues"] = {"MasterUserPassword": "****"}
            self.password, self.pending = self.pending, None
        return {"DBInstances": [instance]}

    def modify_db_instance(self, DBInstanceIdentifier, MasterUserPassword, ApplyImmediately):
        self.changes.append(DBInstanceIdentifier)
        self.pending = MasterUserPassword


class Steps(unittest.TestCase):
    def setUp(self):
        self.secrets = Secrets()
        self.rds = Rds()
        self.clock = 300_000
        self.output = io.StringIO()

    def sleep(self, seconds):
        self.clock -= seconds * 1000

    def step(self, name, instance=None):
        rotation = Rotation(self.secrets, self.rds, lambda: self.clock, self.sleep, instance)
        with contextlib.redirect_stdout(self.output):
            rotation.run(SECRET, NEW, name)

    def current(self):
        return json.loads(self.secrets.get_secret_value(SECRET, "AWSCURRENT")["SecretString"])

    def all_steps(self, times=1):
        for name in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            for _ in range(times):
                self.step(name)

    def test_a_rotation_changes_the_password_and_nothing_else(self):
        self.all_steps()
        self.assertEqual({**self.current(), "password": VALUE["password"]}, VALUE)
        self.assertEqual(self.current()["password"], self.rds.password)
        self.assertNotEqual(self.rds.password, VALUE["password"])
        self.assertEqual(len(self.rds.password), 32)
        self.assertEqual(self.rds.changes, ["payment-db"])

    def test_every_step_can_be_repeated(self):
        self.all_steps(times=3)
        self.all_steps()
        self.assertEqual(self.secrets.generated, 1)
        self.assertEqual(self.secrets.writes, ["put", "stage"])
        self.assertEqual(self.current()["password"], self.rds.password)

    def test_a_password_has_no_character_that_the_services_refuse(self):
        self.step("createSecret")
        for character in "\"@/\\ ;.:+":
            self.assertIn(character, self.secrets.excluded)

    def test_nothing_secret_is_logged(self):
        self.all_steps()
        self.assertNotIn(VALUE["password"], self.output.getvalue())
        self.assertNotIn(self.rds.password, self.output.getvalue())
        self.assertIn(SECRET, self.output.getvalue())

    def test_a_held_rotation_changes_nothing(self):
        self.secrets.tags = [{"Key": lambda_function.HOLD_TAG, "Value": "replication to target runs"}]
        with self.assertRaisesRegex(Held, "replication to target runs"):
            self.step("createSecret")
        self.assertEqual((self.secrets.writes, self.secrets.generated, self.rds.changes), ([], 0, []))

    def test_a_rotation_that_has_started_completes_even_when_held(self):
        self.step("createSecret")
        self.step("setSecret")
        self.secrets.tags = [{"Key": lambda_function.HOLD_TAG, "Value": "too late"}]
        self.all_steps()
        self.assertEqual(self.current()["password"], self.rds.password)

    def test_turning_rotation_on_tests_without_changing(self):
        del self.secrets.stages[NEW]
        self.step("testSecret")
        self.assertEqual((self.secrets.writes, self.rds.changes), ([], []))

    def test_turning_rotation_on_waits_for_the_database(self):
        self.rds.busy = 3
        self.step("testSecret")
        self.assertEqual(self.clock, 270_000)

    def test_the_password_is_set_only_when_the_database_is_available(self):
        self.step("createSecret")
        self.rds.busy = 2
        self.step("setSecret")
        self.assertEqual((self.rds.busy, self.rds.changes), (0, ["payment-db"]))

    def test_waiting_ends_before_lambda_ends_the_run(self):
        self.rds.busy = 10_000
        with self.assertRaisesRegex(Impossible, "still backing-up"):
            self.step("testSecret")
        self.assertGreater(self.clock, 0)

    def test_the_step_is_not_complete_while_the_change_is_pending(self):
        self.step("createSecret")
        self.step("setSecret")
        self.step("testSecret")
        self.assertIsNone(self.rds.pending)
        self.assertEqual(self.clock, 290_000)

    def test_the_configured_instance_takes_precedence_over_the_host(self):
        self.step("testSecret", instance="another-db")
        self.assertEqual(self.rds.described, {"another-db"})

    def test_a_secret_of_another_user_is_refused(self):
        self.secrets.values[OLD] = json.dumps({**VALUE, "username": "somebody"})
        self.step("createSecret")
        with self.assertRaisesRegex(Impossible, "not the master user"):
            self.step("setSecret")
        self.assertEqual(self.rds.changes, [])

    def test_an_error_does_not_quote_the_secret(self):
        self.secrets.values[OLD] = json.dumps(VALUE["password"])
        with self.assertRaises(Impossible) as caught:
            self.step("createSecret")
        self.assertNotIn(VALUE["password"], str(caught.exception))

    def test_steps_out_of_order_are_refused(self):
        with self.assertRaisesRegex(Impossible, "createSecret has not run"):
            self.step("setSecret")
        with self.assertRaisesRegex(Impossible, "no step"):
            self.step("launchSecret")


if __name__ == "__main__":
    unittest.main()
