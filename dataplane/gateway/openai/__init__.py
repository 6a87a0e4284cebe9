"""OpenAI's faces: chat completions, responses, embeddings and the list of models."""
