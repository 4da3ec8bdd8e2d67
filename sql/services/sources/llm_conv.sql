/*
description: >-
  Requests of a language model that holds conversations, one row per request (Azure/AzurePublicDataset, llm_inference_conv). The service is
  not in the rows, so each service has a folder and a mapping.
columns:
  event_id: Hash of the service, the whole row and its line.
  occurred_at: TIMESTAMP is written without a zone and read as UTC; of its seven decimals the last one is cut off.
  duration_ms: Not in the data, so it is NULL, which is not 0; latencies of these services are NULL, too.
  resource_mb: The tokens of the request stand in for the memory it takes, which grows with them.
  throughput: The tokens of the answer.
  success: The data holds answered requests only.
*/
select
    md5(concat_ws('|', 'llm-conv', "TIMESTAMP", ContextTokens, GeneratedTokens, _line))::uuid as event_id,
    replace("TIMESTAMP", ' ', 'T') || 'Z' as occurred_at,
    'llm-conv' as service_id,
    'generate' as operation,
    ContextTokens as resource_mb,
    GeneratedTokens as throughput,
    true as success
from source
