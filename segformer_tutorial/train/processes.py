"""One process or several: where a run computes, and how processes agree."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from ..predict.device import choose_device
from .settings import TrainConfig, TrainError

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")

# What `accelerate launch` may ask for beyond data parallel training.
UNSUPPORTED = {
    "ACCELERATE_USE_DEEPSPEED": "--use_deepspeed",
    "ACCELERATE_USE_FSDP": "--use_fsdp",
    "ACCELERATE_USE_MEGATRON_LM": "--use_megatron_lm",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "--use_parallelism_config",
}


def make_accelerator(config: TrainConfig) -> "Accelerator":
    """Create the Accelerator for the run's device, processes and precision.

    Raises TrainError where this machine or the launcher does not fit the
    config, ValueError for an unknown device and ModuleNotFoundError where a
    package is missing.
    """
    try:
        from accelerate import Accelerator
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training needs {error.name}: "
            "pip install accelerate tqdm pillow torchvision safetensors"
        ) from error

    device = choose_device(config.device)
    check_launcher(config, device)
    if config.precision == "fp16" and device.type == "cpu":
        raise TrainError("fp16 needs a GPU; a CPU takes bf16, or no")
    if device.index is not None:
        torch.cuda.set_device(device)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=config.precision,
        gradient_accumulation_steps=config.accumulation,
        log_with=config.log_with or None,
        project_dir=config.output,
        step_scheduler_with_optimizer=False,
    )
    if accelerator.device.type != device.type:
        raise TrainError(
            f"this process already computes on {accelerator.device.type}, so "
            f"it cannot train on {device.type}; start a new one"
        )
    if config.log_with and not accelerator.log_with:
        raise ModuleNotFoundError(
            f"log_with {config.log_with} needs a package: "
            f"pip install {config.log_with}"
        )
    return accelerator


def check_launcher(config: TrainConfig, device: torch.device) -> None:
    """Raise TrainError where `accelerate launch` contradicts the config.

    The config decides, so that a run is the same however it is started; what
    the launcher asks for besides would be ignored, or computed wrongly.
    """
    asked = os.environ
    precision = asked.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    if precision not in ("no", config.precision):
        raise TrainError(
            f"accelerate launch asks for the precision {precision}, the run "
            f"for {config.precision}: set precision to {precision}, or give "
            f"the launcher --mixed_precision {config.precision}"
        )
    name = "ACCELERATE_GRADIENT_ACCUMULATION_STEPS"
    accumulation = asked.get(name, str(config.accumulation))
    if accumulation != str(config.accumulation):
        raise TrainError(
            f"accelerate launch asks for {accumulation} gradient accumulation "
            f"steps, the run for {config.accumulation}: set accumulation to "
            f"{accumulation}, or the launcher's to {config.accumulation}"
        )
    for name, flag in UNSUPPORTED.items():
        if asked.get(name, "").lower() in ("true", "1"):
            raise TrainError(
                f"accelerate launch asks for {flag}; training is data "
                "parallel alone, so leave it out"
            )
    if asked.get("ACCELERATE_DYNAMO_BACKEND", "no").lower() != "no":
        raise TrainError(
            "accelerate launch asks for --dynamo_backend; training does not "
            "compile the model, so leave it out"
        )
    cpu = asked.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    if cpu and device.type != "cpu":
        raise TrainError(
            f"accelerate launch asks for the CPU, the run for {device.type}: "
            "set device to cpu, or leave out the launcher's --cpu"
        )
    if "LOCAL_RANK" in asked and device.index is not None:
        raise TrainError(
            f"device is {config.device}, but with several processes the "
            "launcher chooses the GPU of each: leave device out"
        )


def on_main(accelerator: "Accelerator", action: Callable[[], T]) -> T:
    """Run an action in the main process; all get its result.

    Everyone waits until it is done. If it fails, the main process raises the
    error and the others a TrainError with its text, so that none is left
    waiting.
    """
    if accelerator.num_processes == 1:
        return action()
    from accelerate.utils import broadcast_object_list

    result, failure = None, None
    if accelerator.is_main_process:
        try:
            result = action()
        except Exception as error:
            failure = error
    outcome = [result, failure and str(failure)]
    result, text = broadcast_object_list(outcome)
    if failure is not None:
        raise failure
    if text is not None:
        raise TrainError(f"the main process failed: {text}")
    return result


def agree(
    accelerator: "Accelerator", losses: Sequence[Tensor], flags: Sequence[bool]
) -> tuple[list[float], list[bool]]:
    """The losses as means over all processes; flags that any process set."""
    raised = losses[0].new_tensor([float(flag) for flag in flags])
    news = torch.cat([torch.stack(list(losses)), raised])
    numbers = accelerator.reduce(news, reduction="mean").tolist()
    count = len(losses)
    return numbers[:count], [number > 0 for number in numbers[count:]]


def to_device(batch: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    """Move tensors. Only pinned memory may be read while we go on: on MPS a
    tensor from ordinary memory would arrive damaged."""
    return [x.to(device, non_blocking=x.is_pinned()) for x in batch]


def prepare_for_several(model: nn.Module, device: torch.device) -> nn.Module:
    """Make a model ready for DistributedDataParallel.

    On GPUs BatchNorm takes its statistics over the batches of all processes.
    Gradients get the strides that DDP expects: a depthwise kernel, `c 1 k k`,
    is contiguous and channels-last at once, and its gradient may come with
    the strides of the latter.
    """
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.is_contiguous():
            parameter.register_hook(_usual_strides)
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def _usual_strides(gradient: Tensor) -> Tensor:
    return gradient.flatten().view(gradient.shape)
