"""From noise to latents: schedulers, guidance, the feature cache, windows fused by MultiDiffusion."""
