"""Check the access token of REST calls."""

import jwt

from sandbox.entities import RefusedError


def check_token(header: str, *, api_key: str, secret: str) -> None:
    """Check the raw token in `header`. Raises `RefusedError`: 401 if it is invalid, 403 if it may only join rooms."""
    if not header:
        raise RefusedError(401, "Token is required")
    try:
        claims = jwt.decode(
            header, secret, algorithms=["HS256"], options={"require": ["exp", "apikey"], "verify_iat": False}
        )
    except jwt.InvalidTokenError as error:
        raise RefusedError(401, "Token is invalid or expired") from error
    if claims["apikey"] != api_key:
        raise RefusedError(401, "Token is invalid: apikey is not known")
    if claims.get("roles") == ["rtc"]:
        raise RefusedError(403, 'Token of the role "rtc" may only join')
