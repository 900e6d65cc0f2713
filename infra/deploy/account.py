"""The first checks of a deployment: the account with its quotas, and how users sign in."""

from botocore.exceptions import ClientError

from infra.deploy.target import DeployError, Target

FEW_CALLS = 100
"""Lambda's quota in new accounts can be as low as 10."""
TRUE = ("true", "1", "yes", "y", "on", "t")


def identify(target: Target) -> dict[str, str]:
    """The identity that deploys; raises DeployError without credentials."""
    _ = target.config  # a stage that isn't there is the first thing to say
    if target.session.get_credentials() is None:
        raise DeployError("There are no AWS credentials", "Sign in (aws sso login), or set AWS_PROFILE")
    identity: dict[str, str] = target.client("sts").get_caller_identity()
    return identity


def describe_account(target: Target) -> str:
    """Who deploys, and to where."""
    identity = identify(target)
    return f"stage {target.stage} in account {identity['Account']}, {target.region}, as {identity['Arn']}"


def describe_quotas(target: Target) -> str:
    """What the account may use at a time. Only AWS can tell; docs/scaling.md says what it is enough for."""
    try:
        calls = target.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        limits = target.client("apigateway").get_account()["throttleSettings"]
    except ClientError as error:  # a deployment needs no answer
        return f"its quotas are unknown ({error.response['Error']['Code']})"
    found = (
        f"Lambda runs {calls} calls at a time; API Gateway takes {limits['rateLimit']:.0f} requests a second, "
        f"{limits['burstLimit']} in a burst"
    )
    advice = "; that is few: ask AWS for 1,000 calls (service quota L-B99A9384 of lambda)"
    return found + advice if calls < FEW_CALLS else found


def check_sign_in(target: Target) -> str:
    """Whose tokens are accepted, with a warning if it is unsafe; raises DeployError if the stage is strict."""
    variables = target.variables
    has_keys = variables.get("AUTH_JWKS_URL") or variables.get("AUTH_SECRET")
    missing = [] if has_keys else ["AUTH_JWKS_URL or AUTH_SECRET"]
    missing += [name for name in ("AUTH_ISSUER", "AUTH_AUDIENCE") if not variables.get(name)]
    if not missing:
        return f"tokens of {variables['AUTH_ISSUER']} for {variables['AUTH_AUDIENCE']}"
    if variables.get("AUTH_STRICT", "").lower() in TRUE:
        advice = "Set that for the stage, as docs/auth.md says (`*` accepts any issuer or audience)"
        raise DeployError(f"{target.stage} can't be deployed without {', '.join(missing)}", advice)
    if not has_keys:
        return "users can't sign in yet: set AUTH_JWKS_URL or AUTH_SECRET (docs/auth.md)"
    return f"WARNING: also tokens for other services are accepted; set {' and '.join(missing)} (docs/auth.md)"
