"""The base of every component: child options, the one escape hatch, tags.

The escape hatch has the same shape everywhere: ``transforms`` maps the name of
a child (listed in the class's ``CHILDREN``) either to a mapping, which replaces
top-level arguments of that child (a shallow merge: nested values are replaced
whole), or to a function that gets the child's arguments and returns the new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pulumi

Transform = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]


class Component(pulumi.ComponentResource):
    """A ComponentResource whose children can be transformed by name.

    Args:
        kind: the type name; the token is ``orchestrator:index:<kind>``.
        name: logical name; every child's name starts with it.
        transforms: child name to transform; an unknown name is an error that lists the known.
        opts: options of the component.

    Raises:
        ValueError: ``transforms`` names a child that does not exist.
    """

    CHILDREN: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        unknown = sorted(set(transforms or {}) - set(self.CHILDREN))
        if unknown:
            raise ValueError(
                f"{kind} '{name}': transforms names {', '.join(map(repr, unknown))}, "
                f"which it does not make; its children are: {', '.join(self.CHILDREN)}"
            )
        # Before super().__init__: that call registers the component already.
        self._transforms = dict(transforms or {})
        super().__init__(f"orchestrator:index:{kind}", name, None, opts)

    def child(self, key: str, **options: Any) -> pulumi.ResourceOptions:
        """Options for the child ``key``: this component as parent, and its transform if one was given.

        Args:
            key: a name out of ``CHILDREN``.
            **options: further ``pulumi.ResourceOptions`` arguments (protect, depends_on, ...).

        Raises:
            KeyError: ``key`` is not in ``CHILDREN``: the escape hatch would miss the child.
        """
        if key not in self.CHILDREN:
            raise KeyError(f"{type(self).__name__}.CHILDREN lacks {key!r}")
        transform = self._transforms.get(key)
        if transform is not None:
            options["transformations"] = [_as_transformation(transform)]
        return pulumi.ResourceOptions(parent=self, **options)


def _as_transformation(
    transform: Transform,
) -> Callable[[pulumi.ResourceTransformationArgs], pulumi.ResourceTransformationResult | None]:
    def apply(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        props = dict(args.props)
        changed = transform(props) if callable(transform) else {**props, **transform}
        return pulumi.ResourceTransformationResult(props={**props, **changed}, opts=args.opts)

    return apply


def protection(protect: bool) -> dict[str, bool]:
    """Resource options of what holds data: protected and kept on destroy in prod, neither in dev."""
    return {"protect": True, "retain_on_delete": True} if protect else {}
