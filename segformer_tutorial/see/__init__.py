"""What a model looks at: `python -m segformer_tutorial.see --help`."""

from .attention import attention_maps
from .features import feature_colors
from .fields import receptive_fields

__all__ = ["attention_maps", "feature_colors", "receptive_fields"]
