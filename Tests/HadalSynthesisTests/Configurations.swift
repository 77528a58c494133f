/// Tiny configurations, in the spelling of published checkpoints.
enum Configurations {
    static let llama = """
        {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 24, "intermediate_size": 160, "vocab_size": 700, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
         "rope_theta": 500000.0, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": [2, 3],
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 32}}
        """
    static let qwen2 = """
        {"model_type": "qwen2", "hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 512, "vocab_size": 300, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
         "tie_word_embeddings": false, "eos_token_id": 5}
        """
    static let phi3 = """
        {"model_type": "phi3", "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4,
         "intermediate_size": 96, "vocab_size": 280, "max_position_embeddings": 64, "original_max_position_embeddings": 32,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 16, "tie_word_embeddings": false,
         "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1, 1, 1.5, 1.5, 2, 2], "long_factor": [1, 1, 2, 2, 4, 4, 8, 8]}}
        """
    static let mamba2 = """
        {"model_type": "mamba2", "hidden_size": 40, "num_hidden_layers": 2, "vocab_size": 300, "num_heads": 8, "head_dim": 10, "state_size": 12,
         "n_groups": 1, "conv_kernel": 4, "expand": 2, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true, "eos_token_id": 0}
        """
    static let gemma3 = """
        {"model_type": "gemma3_text", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 1,
         "head_dim": 16, "intermediate_size": 96, "vocab_size": 300, "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
         "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window": 8, "sliding_window_pattern": 2,
         "query_pre_attn_scalar": 16}
        """
}
