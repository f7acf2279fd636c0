"""The small detector that ships in the package, as classes of transformers.

Importing this package makes them known to ``AutoConfig``, ``AutoModelForObjectDetection`` and
``AutoImageProcessor``, so that a checkpoint of it opens like any other.
"""

from transformers import AutoConfig, AutoImageProcessor, AutoModelForObjectDetection

from layoutgen.detection.grid_detector.configuration import GridDetectorConfig
from layoutgen.detection.grid_detector.model import GridDetector
from layoutgen.detection.grid_detector.processor import GridDetectorProcessor

__all__ = ["GridDetector", "GridDetectorConfig", "GridDetectorProcessor"]

AutoConfig.register(GridDetectorConfig.model_type, GridDetectorConfig, exist_ok=True)
AutoModelForObjectDetection.register(GridDetectorConfig, GridDetector, exist_ok=True)
AutoImageProcessor.register(
    GridDetectorConfig, slow_image_processor_class=GridDetectorProcessor, exist_ok=True
)
