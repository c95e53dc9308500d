"""Load a model whole or not at all, also where mmser is not installed.  checkpoint -> model, or an error"""

from typing import Any

from transformers import PreTrainedModel


class StrictModel(PreTrainedModel):
    """A model whose ``from_pretrained`` names weights that would start at random, where stock ones warn."""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Any,
        *args: Any,
        output_loading_info: bool = False,
        **options: Any,
    ) -> Any:
        """Load a model from safetensors.

        Args:
            pretrained_model_name_or_path: folder, or name on the Hub.
            args: as transformers takes them.
            output_loading_info: return transformers' report too, and leave it to the caller to judge it.
            options: as transformers takes them.

        Raises:
            ValueError: the checkpoint lacks weights of the model, or holds some of another shape.
        """
        source = pretrained_model_name_or_path
        options.setdefault("use_safetensors", True)
        stock: Any = super()
        model, report = stock.from_pretrained(source, *args, output_loading_info=True, **options)
        if output_loading_info:
            return model, report
        absent = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
        if absent:
            raise ValueError(
                f"{source}: the checkpoint does not fill the model; {len(absent)} weights would start at "
                f"random: {', '.join(absent[:8])}{' …' if absent[8:] else ''}. Copy or download the whole "
                "model again."
            )
        return model
