"""The site: S3 and CloudFront, DNS, certificate, firewall, releases."""

from components.static_site.args import StaticSiteArgs
from components.static_site.site import StaticSite

__all__ = ["StaticSite", "StaticSiteArgs"]
