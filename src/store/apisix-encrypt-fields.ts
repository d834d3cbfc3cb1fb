/**
 * The attributes of plugins that APISIX 3.18 encrypts in etcd, by the pages of its documentation on the plugins (the notes on
 * `encrypt_fields`, and "encrypted" in the tables of attributes). Paths as there: a dot goes into an object, lists are gone through.
 */
export const APISIX_ENCRYPT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  'ai-aliyun-content-moderation': ['access_key_secret'],
  'ai-cache': ['redis_password', 'semantic.embedding.openai.api_key', 'semantic.embedding.azure_openai.api_key'],
  'ai-lakera-guard': ['api_key'],
  'ai-proxy': ['auth.aws.secret_access_key', 'auth.aws.session_token'],
  'ai-proxy-multi': [
    'instances.auth.aws.secret_access_key',
    'instances.auth.aws.session_token',
    'semantic_opts.embeddings.auth.header',
    'semantic_opts.embeddings.auth.query',
  ],
  'authz-casdoor': ['client_secret'],
  'authz-keycloak': ['client_secret'],
  'basic-auth': ['password'],
  'clickhouse-logger': ['password'],
  csrf: ['key'],
  'dingtalk-auth': ['app_secret', 'secret'],
  'elasticsearch-logger': ['auth.password', 'headers'],
  'error-log-logger': ['clickhouse.password'],
  'feishu-auth': ['app_secret', 'secret', 'secret_fallbacks'],
  'google-cloud-logging': ['auth_config.private_key'],
  'graphql-limit-count': ['introspection_headers', 'redis_password', 'sentinel_password'],
  'hmac-auth': ['secret_key'],
  'jwt-auth': ['secret'],
  'kafka-proxy': ['sasl.password'],
  'key-auth': ['key'],
  'ldap-auth-advanced': ['ldap_password'],
  'limit-conn': ['redis_password'],
  'limit-count': ['redis_password', 'sentinel_password'],
  'limit-req': ['redis_password'],
  'openid-connect': ['client_secret', 'client_rsa_private_key', 'dpop.private_key'],
  'rocketmq-logger': ['secret_key'],
  'saml-auth': ['sp_private_key', 'secret', 'secret_fallbacks'],
  'sls-logger': ['access_key_secret'],
  'tencent-cloud-cls': ['secret_key'],
};

/** Every plugin that APISIX 3.18 documents: what it does not encrypt in them must not be encrypted where it reads, too. */
export const APISIX_PLUGINS: ReadonlySet<string> = new Set(
  `
  acl ai-aliyun-content-moderation ai-aws-content-moderation ai-cache ai-lakera-guard ai-prompt-decorator
  ai-prompt-guard ai-prompt-template ai-proxy-multi ai-proxy ai-rag ai-rate-limiting ai-request-rewrite
  api-breaker attach-consumer-label authz-casbin authz-casdoor authz-keycloak aws-lambda azure-functions
  basic-auth batch-requests body-transformer brotli cas-auth chaitin-waf clickhouse-logger client-control
  consumer-restriction cors csrf data-mask datadog degraphql dingtalk-auth dubbo-proxy echo elasticsearch-logger
  error-log-logger error-page exit-transformer ext-plugin-post-req ext-plugin-post-resp ext-plugin-pre-req
  fault-injection feishu-auth file-logger forward-auth gm google-cloud-logging graphql-limit-count
  graphql-proxy-cache grpc-transcode grpc-web gzip hmac-auth http-dubbo http-logger inspect ip-restriction
  jwe-decrypt jwt-auth kafka-logger kafka-proxy key-auth lago ldap-auth-advanced ldap-auth limit-conn
  limit-count limit-req log-rotate loggly loki-logger mcp-bridge mocking mqtt-proxy multi-auth node-status
  oas-validator ocsp-stapling opa openfunction openid-connect opentelemetry openwhisk prometheus proxy-buffering
  proxy-cache proxy-control proxy-mirror proxy-rewrite public-api real-ip redirect referer-restriction
  request-id request-validation response-rewrite rocketmq-logger saml-auth server-info serverless
  skywalking-logger skywalking sls-logger splunk-hec-logging syslog tcp-logger tencent-cloud-cls traffic-label
  traffic-split ua-restriction udp-logger uri-blocker wolf-rbac workflow zipkin
  `
    .trim()
    .split(/\s+/),
);
