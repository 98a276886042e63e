"""The audit: what someone who holds no key can check of a recorded run. Spec: "Audit"."""
