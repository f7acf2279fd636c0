"""The small detector that ships in the package, as classes of transformers.

Importing this package makes them known to ``AutoConfig``, ``AutoModelForObjectDetection`` and
``AutoImageProcessor``, so that a checkpoint of it opens like any other.
"""

from transformers import AutoConfig, AutoImageProcessor, AutoModelForObjectDetection

from layoutgen.evaluation.detector.configuration import GridDetectorConfig
from layoutgen.evaluation.detector.model import GridDetector
from layoutgen.evaluation.detector.processor import GridDetectorProcessor

__all__ = ["GridDetector", "GridDetectorConfig", "GridDetectorProcessor"]

AutoConfig.register(GridDetectorConfig.model_type, GridDetectorConfig, exist_ok=True)
AutoModelForObjectDetection.register(GridDetectorConfig, GridDetector, exist_ok=True)
AutoImageProcessor.register(
    GridDetectorConfig, slow_image_processor_class=GridDetectorProcessor, exist_ok=True
)
