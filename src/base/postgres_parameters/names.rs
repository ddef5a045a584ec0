//! The names of parameters. Source: `pg_settings` of PostgreSQL 15 (context and type), the release notes of the later
//! versions, and for `rds.…` the RDS user guide.

/// On or off, at once.
pub(super) const DYNAMIC_BOOLEANS: &str = "\
    operator_precedence_warning allow_alter_system allow_in_place_tablespaces allow_system_table_mods array_nulls \
    autovacuum \
    check_function_bodies db_user_namespace debug_pretty_print debug_print_parse debug_print_plan \
    debug_print_rewritten default_transaction_deferrable default_transaction_read_only enable_async_append \
    enable_bitmapscan enable_distinct_reordering enable_gathermerge enable_group_by_reordering enable_hashagg \
    enable_hashjoin enable_incremental_sort enable_indexonlyscan enable_indexscan enable_material enable_memoize \
    enable_mergejoin enable_nestloop enable_parallel_append enable_parallel_hash enable_partition_pruning \
    enable_partitionwise_aggregate enable_partitionwise_join enable_presorted_aggregate \
    enable_self_join_elimination enable_seqscan enable_sort enable_tidscan escape_string_warning event_triggers \
    exit_on_error fsync full_page_writes geqo gss_accept_delegation hot_standby_feedback ignore_checksum_failure \
    ignore_system_indexes jit jit_debugging_support jit_dump_bitcode jit_expressions jit_profiling_support \
    jit_tuple_deforming krb_caseins_users lo_compat_privileges log_checkpoints log_connections log_disconnections \
    log_duration log_executor_stats log_hostname log_lock_waits log_parser_stats log_planner_stats \
    log_recovery_conflict_waits log_replication_commands log_statement_stats log_truncate_on_rotation \
    parallel_leader_participation quote_all_identifiers rds.force_ssl remove_temp_files_after_crash \
    restart_after_crash row_security ssl ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers \
    standard_conforming_strings summarize_wal sync_replication_slots synchronize_seqscans syslog_sequence_numbers \
    syslog_split_messages trace_connection_negotiation trace_notify trace_sort track_activities track_counts \
    track_io_timing track_wal_io_timing transaction_deferrable transaction_read_only transform_null_equals \
    update_process_title vacuum_truncate wal_init_zero wal_receiver_create_temp_slot wal_recycle \
    zero_damaged_pages";

/// On or off, with the next start.
pub(super) const STATIC_BOOLEANS: &str = "\
    bonjour data_sync_retry hot_standby ignore_invalid_pages logging_collector rds.logical_replication \
    recovery_target_inclusive track_commit_timestamp wal_log_hints";

/// Other values, at once.
pub(super) const DYNAMIC: &str = "\
    debug_parallel_query application_name archive_cleanup_command archive_command archive_library archive_timeout \
    authentication_timeout autovacuum_analyze_scale_factor autovacuum_analyze_threshold autovacuum_naptime \
    autovacuum_vacuum_cost_delay autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor \
    autovacuum_vacuum_insert_threshold autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold \
    autovacuum_work_mem backend_flush_after backslash_quote backtrace_functions bgwriter_delay \
    bgwriter_flush_after bgwriter_lru_maxpages bgwriter_lru_multiplier bytea_output checkpoint_completion_target \
    checkpoint_flush_after checkpoint_timeout checkpoint_warning client_connection_check_interval client_encoding \
    client_min_messages commit_delay commit_siblings compute_query_id constraint_exclusion cpu_index_tuple_cost \
    cpu_operator_cost cpu_tuple_cost createrole_self_grant cursor_tuple_fraction datestyle deadlock_timeout \
    debug_discard_caches debug_logical_replication_streaming default_statistics_target default_table_access_method \
    default_tablespace default_text_search_config default_toast_compression default_transaction_isolation \
    dynamic_library_path effective_cache_size effective_io_concurrency extension_destdir extra_float_digits \
    force_parallel_mode from_collapse_limit geqo_effort geqo_generations geqo_pool_size geqo_seed \
    geqo_selection_bias geqo_threshold gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier \
    icu_validation_level idle_in_transaction_session_timeout idle_session_timeout intervalstyle io_combine_limit \
    jit_above_cost jit_inline_above_cost jit_optimize_above_cost join_collapse_limit krb_server_keyfile \
    lc_messages lc_monetary lc_numeric lc_time local_preload_libraries lock_timeout log_autovacuum_min_duration \
    log_destination log_directory log_error_verbosity log_file_mode log_filename log_line_prefix \
    log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages \
    log_parameter_max_length log_parameter_max_length_on_error log_rotation_age log_rotation_size \
    log_startup_progress_interval log_statement log_statement_sample_rate log_temp_files log_timezone \
    log_transaction_sample_rate logical_decoding_work_mem maintenance_io_concurrency maintenance_work_mem \
    max_parallel_apply_workers_per_subscription max_parallel_maintenance_workers max_parallel_workers \
    max_parallel_workers_per_gather max_pred_locks_per_page max_pred_locks_per_relation max_slot_wal_keep_size \
    max_stack_depth max_standby_archive_delay max_standby_streaming_delay max_sync_workers_per_subscription \
    max_wal_size min_parallel_index_scan_size min_parallel_table_scan_size min_wal_size parallel_setup_cost \
    parallel_tuple_cost password_encryption plan_cache_mode post_auth_delay pre_auth_delay primary_conninfo \
    primary_slot_name promote_trigger_file random_page_cost rds.log_retention_period recovery_end_command \
    recovery_init_sync_method recovery_min_apply_delay recovery_prefetch recursive_worktable_factor \
    restore_command restrict_nonsystem_relation_kind scram_iterations search_path seq_page_cost \
    session_preload_libraries session_replication_role ssl_ca_file ssl_cert_file ssl_ciphers ssl_crl_dir \
    ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_key_file ssl_max_protocol_version ssl_min_protocol_version \
    ssl_passphrase_command statement_timeout stats_fetch_consistency stats_temp_directory \
    synchronized_standby_slots synchronous_commit synchronous_standby_names syslog_facility syslog_ident \
    tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout temp_buffers temp_file_limit \
    temp_tablespaces timezone timezone_abbreviations trace_recovery_messages track_functions transaction_isolation \
    transaction_timeout vacuum_buffer_usage_limit vacuum_cleanup_index_scale_factor vacuum_cost_delay \
    vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss vacuum_defer_cleanup_age \
    vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age vacuum_multixact_failsafe_age \
    vacuum_multixact_freeze_min_age vacuum_multixact_freeze_table_age wal_compression wal_consistency_checking \
    wal_keep_size wal_receiver_status_interval wal_receiver_timeout wal_retrieve_retry_interval wal_sender_timeout \
    wal_skip_threshold wal_summary_keep_time wal_sync_method wal_writer_delay wal_writer_flush_after work_mem \
    xmlbinary xmloption";

/// Other values, with the next start.
pub(super) const STATIC: &str = "\
    archive_mode autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age bonjour_name \
    cluster_name commit_timestamp_buffers config_file data_directory dynamic_shared_memory_type event_source \
    external_pid_file hba_file huge_page_size huge_pages ident_file jit_provider listen_addresses max_connections \
    max_files_per_process max_locks_per_transaction max_logical_replication_workers max_notify_queue_pages \
    max_pred_locks_per_transaction max_prepared_transactions max_replication_slots max_wal_senders \
    max_worker_processes min_dynamic_shared_memory multixact_member_buffers multixact_offset_buffers \
    notify_buffers old_snapshot_threshold port recovery_target recovery_target_action recovery_target_lsn \
    recovery_target_name recovery_target_time recovery_target_timeline recovery_target_xid reserved_connections \
    serializable_buffers shared_buffers shared_memory_type shared_preload_libraries subtransaction_buffers \
    superuser_reserved_connections track_activity_query_size transaction_buffers unix_socket_directories \
    unix_socket_group unix_socket_permissions wal_buffers wal_decode_buffer_size wal_level";
