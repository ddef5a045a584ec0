"""Rotates the master password of an RDS database that a secret of AWS Secrets Manager holds.

Secrets Manager calls it once for each of four steps: createSecret, setSecret, testSecret, finishSecret. Each step can be repeated.
The password is set through the RDS API, so the function needs no way into the VPC and no database driver. Nothing secret is logged.

A replication that runs would break when the password changed under it. While the secret carries the tag
`migrate-infra:hold-rotation`, no rotation begins (see docs/adr/0003-rotation-and-replication.md).
"""

import json
import os
import time

HOLD_TAG = "migrate-infra:hold-rotation"
# The same list is in src/resources/secretsmanager/value.rs.
EXCLUDED = "\"@/\\;.:+%&'`{}$ "
SHORTEST = 16
PAUSE_SECONDS = 10
# What is left of the time of a run when waiting is given up, so that the error is told before Lambda ends the run.
RESERVE_MILLIS = 15_000


class Held(Exception):
    """The rotation is held back on purpose."""


class Impossible(Exception):
    """The rotation cannot be carried out as things are."""


class Rotation:
    """One step of one rotation, with the clients that it uses."""

    def __init__(self, secrets, rds, remaining_millis, sleep=time.sleep, instance=None):
        self.secrets = secrets
        self.rds = rds
        self.remaining_millis = remaining_millis
        self.sleep = sleep
        self.instance = instance

    def run(self, secret, token, step):
        steps = {
            "createSecret": self.create_secret,
            "setSecret": self.set_secret,
            "testSecret": self.test_secret,
            "finishSecret": self.finish_secret,
        }
        if step not in steps:
            raise Impossible(f"there is no step {step}")
        print(json.dumps({"secret": secret, "version": token, "step": step}))
        steps[step](secret, token)

    def create_secret(self, secret, token):
        """Makes a version with a new password and all other keys of the current one."""
        described = self.secrets.describe_secret(SecretId=secret)
        if self._is_current(described, token) or self._pending(secret, token) is not None:
            # The password may be set already: a rotation that has begun must end, or secret and database would disagree.
            return
        for tag in described.get("Tags", []):
            if tag["Key"] == HOLD_TAG:
                raise Held(f"the rotation of {secret} is held back: {tag.get('Value') or 'no reason given'}")
        if token not in described.get("VersionIdsToStages", {}):
            raise Impossible(f"{secret} has no version {token} to rotate to")
        value = self._current(secret)
        length = max(len(value.get("password", "")), SHORTEST)
        made = self.secrets.get_random_password(
            PasswordLength=length, ExcludePunctuation=True, ExcludeCharacters=EXCLUDED, RequireEachIncludedType=True
        )
        value["password"] = made["RandomPassword"]
        self.secrets.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=["AWSPENDING"]
        )

    def set_secret(self, secret, token):
        """Gives the database the new password."""
        described = self.secrets.describe_secret(SecretId=secret)
        if self._is_current(described, token):
            return
        value = self._pending(secret, token)
        if value is None:
            raise Impossible(f"the version {token} of {secret} has no value: createSecret has not run")
        name = self._instance_of(value)
        shown = self._wait(name, lambda shown: shown["DBInstanceStatus"] == "available")
        if shown.get("MasterUsername") != value.get("username"):
            raise Impossible(f"{secret} is for the user {value.get('username')}, which is not the master user of {name}")
        self.rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=value["password"], ApplyImmediately=True)

    def test_secret(self, secret, token):
        """Waits until RDS has carried out the change of the password.

        Secrets Manager calls this step also when rotation is turned on, with a version that is not used afterwards; it must
        succeed then. So it asks nothing of that version.
        """
        name = self._instance_of(self._pending(secret, token) or self._current(secret))
        self._wait(name, lambda shown: shown["DBInstanceStatus"] == "available" and not _password_pending(shown))

    def finish_secret(self, secret, token):
        """Makes the new version the current one."""
        described = self.secrets.describe_secret(SecretId=secret)
        if self._is_current(described, token):
            return
        current = [version for version, stages in described["VersionIdsToStages"].items() if "AWSCURRENT" in stages]
        moved = {"RemoveFromVersionId": current[0]} if current else {}
        self.secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, **moved)

    def _is_current(self, described, token):
        return "AWSCURRENT" in described.get("VersionIdsToStages", {}).get(token, [])

    def _current(self, secret):
        return _parse(secret, self.secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT"))

    def _pending(self, secret, token):
        try:
            found = self.secrets.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except self.secrets.exceptions.ResourceNotFoundException:
            return None
        return _parse(secret, found)

    def _instance_of(self, value):
        """The database's name: as configured, else the first label of its host."""
        name = self.instance or value.get("host", "").split(".")[0]
        if not name:
            raise Impossible("neither DB_INSTANCE_IDENTIFIER nor the host in the secret tells which database it is")
        return name

    def _wait(self, name, done):
        while True:
            shown = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
            if done(shown):
                return shown
            if self.remaining_millis() < RESERVE_MILLIS + PAUSE_SECONDS * 1000:
                pending = ", with its password still to be changed" if _password_pending(shown) else ""
                raise Impossible(f"the database {name} is still {shown['DBInstanceStatus']}{pending}; the step is tried again later")
            self.sleep(PAUSE_SECONDS)


def _password_pending(shown):
    return "MasterUserPassword" in (shown.get("PendingModifiedValues") or {})


def _parse(secret, found):
    try:
        value = json.loads(found["SecretString"])
    except (KeyError, ValueError):
        value = None
    if not isinstance(value, dict):
        # The words of the parser are kept back: they quote what it read.
        raise Impossible(f"the value of {secret} is not a JSON object") from None
    return value


def lambda_handler(event, context):
    import boto3  # comes with the Lambda runtime; the tests do without

    rotation = Rotation(
        boto3.client("secretsmanager"),
        boto3.client("rds"),
        context.get_remaining_time_in_millis,
        instance=os.environ.get("DB_INSTANCE_IDENTIFIER"),
    )
    rotation.run(event["SecretId"], event["ClientRequestToken"], event["Step"])
