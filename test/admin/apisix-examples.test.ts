/**
 * The commands of APISIX's admin documentation, run by curl as they stand there: address, key header, method and body. Only
 * the port is another one, and plugins that are not there yet are replaced.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { requireProgram } from '../require-program.ts';
import { ADMIN_KEY, startLab } from './lab.ts';

const run = promisify(execFile);

interface Example {
  /** What follows `curl`; the line breaks of the page are spaces here. */
  readonly command: string;
  readonly status: number;
  /** Some of the answer. */
  readonly has?: string | RegExp;
}

const key = '-H "X-API-KEY: $admin_key"';
const admin = 'http://127.0.0.1:9180/apisix/admin';
const node = (port: number, weight: number | null = 1): string => `{"nodes": {"127.0.0.1:${port}": ${weight}}}`;
const upstream = '{"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}}';

/** In the order of the page: later ones build on earlier ones. */
const EXAMPLES: readonly Example[] = [
  // Force delete.
  {
    command: `${admin}/upstreams/1 ${key} -X PUT -d '{"nodes": {"127.0.0.1:8080": 1}, "type": "roundrobin"}'`,
    status: 201,
  },
  {
    command: `${admin}/routes/1 ${key} -X PUT -d '{"uri": "/*", "upstream_id": 1}'`,
    status: 201,
    has: '"key":"/apisix/routes/1"',
  },
  {
    command: `${admin}/upstreams/1 ${key} -X DELETE`,
    status: 400,
    has: '{"error_msg":"can not delete this upstream, route [1] is still using it now"}',
  },
  {
    command: `"${admin}/upstreams/1?force=anyvalue" ${key} -X DELETE`,
    status: 400,
    has: '{"error_msg":"can not delete this upstream, route [1] is still using it now"}',
  },
  {
    command: `"${admin}/upstreams/1?force=true" ${key} -X DELETE`,
    status: 200,
    has: /"deleted":"1"/,
  },
  { command: `${admin}/routes/1 ${key} -X DELETE`, status: 200, has: '{"key":"/apisix/routes/1","deleted":"1"}' },
  // Routes.
  {
    command: `${admin}/routes/1 ${key} -X PUT -i -d ' { "uri": "/index.html", "hosts": ["foo.com", "*.bar.com"], "remote_addrs": ["127.0.0.0/8"], "methods": ["PUT", "GET"], "upstream": ${upstream} }'`,
    status: 201,
    has: 'HTTP/1.1 201 Created',
  },
  {
    command: `'${admin}/routes/2?ttl=60' ${key} -X PUT -i -d ' {"uri": "/aa/index.html", "upstream": ${upstream}}'`,
    status: 201,
  },
  {
    command: `${admin}/routes/1 ${key} -X PATCH -i -d ' {"upstream": ${node(1981)}}'`,
    status: 200,
    has: '{"127.0.0.1:1980":1,"127.0.0.1:1981":1}',
  },
  {
    command: `${admin}/routes/1 ${key} -X PATCH -i -d ' {"upstream": ${node(1981, 10)}}'`,
    status: 200,
    has: '{"127.0.0.1:1980":1,"127.0.0.1:1981":10}',
  },
  {
    command: `${admin}/routes/1 ${key} -X PATCH -i -d ' {"upstream": ${node(1980, null)}}'`,
    status: 200,
    has: '{"127.0.0.1:1981":10}',
  },
  {
    command: `${admin}/routes/1 ${key} -X PATCH -i -d '{"methods": ["GET", "POST"]}'`,
    status: 200,
    has: '"methods":["GET","POST"]',
  },
  {
    command: `${admin}/routes/1/upstream/nodes ${key} -X PATCH -i -d ' {"127.0.0.1:1982": 1}'`,
    status: 200,
    has: '"nodes":{"127.0.0.1:1982":1}',
  },
  {
    command: `${admin}/routes/1/methods ${key} -X PATCH -i -d'["POST", "DELETE", "PATCH"]'`,
    status: 200,
    has: '["POST","DELETE","PATCH"]',
  },
  // The page itself has a space in " PATCH", which is no method.
  {
    command: `${admin}/routes/1/methods ${key} -X PATCH -i -d'["POST", "DELETE", " PATCH"]'`,
    status: 400,
    has: /methods\[2\]: /,
  },
  { command: `${admin}/routes/1 ${key} -X PATCH -i -d ' {"status": 0}'`, status: 200, has: '"status":0' },
  { command: `${admin}/routes/1 ${key} -X PATCH -i -d ' {"status": 1}'`, status: 200, has: '"status":1' },
  // Lists.
  { command: `"${admin}/routes?page=1&page_size=10" ${key} -X GET`, status: 200, has: '"total":2' },
  { command: `'${admin}/routes?name=test&uri=foo&label=' ${key} -X GET`, status: 200, has: '{"total":0,"list":[]}' },
  { command: `'${admin}/routes?filter=service_id%3D1' ${key} -X GET`, status: 200, has: '{"total":0,"list":[]}' },
  // Services.
  {
    command: `${admin}/services/201 ${key} -X PUT -i -d ' {"plugins": {"limit-count": {"count": 2, "time_window": 60, "rejected_code": 503, "key": "remote_addr"}}, "upstream": ${upstream}}'`,
    status: 201,
  },
  { command: `${admin}/services/201 ${key} -X PATCH -i -d ' {"upstream": ${node(1981)}}'`, status: 200 },
  {
    command: `${admin}/services/201 -H'X-API-KEY: $admin_key' -X PATCH -i -d ' {"upstream": ${node(1981, 10)}}'`,
    status: 401,
  },
  {
    command: `${admin}/services/201/upstream/nodes ${key} -X PATCH -i -d ' {"127.0.0.1:1982": 1}'`,
    status: 200,
    has: '"nodes":{"127.0.0.1:1982":1}',
  },
  // Consumers and credentials.
  {
    command: `${admin}/consumers ${key} -X PUT -i -d ' {"username": "jack", "plugins": {"key-auth": {"key": "auth-one"}, "limit-count": {"count": 2, "time_window": 60, "rejected_code": 503, "key": "remote_addr"}}}'`,
    status: 201,
    has: '"key":"/apisix/consumers/jack"',
  },
  {
    command: `${admin}/consumers/jack/credentials/auth-one ${key} -X PUT -i -d ' {"plugins": {"key-auth": {"key": "auth-two"}}}'`,
    status: 201,
    has: '"key":"/apisix/consumers/jack/credentials/auth-one"',
  },
  // Certificates, whose line breaks the shell leaves as they are.
  {
    command: `${admin}/ssls/1 ${key} -X PUT -d ' {"cert" : "'"$(cat "$cert")"'", "key": "'"$(cat "$cert_key")"'", "snis": ["test.com"]}'`,
    status: 201,
    has: '"snis":["test.com"]',
  },
  // Upstreams.
  {
    command: `${admin}/upstreams/100 ${key} -i -X PUT -d ' {"type":"roundrobin", "nodes": {"127.0.0.1:1980": 1}}'`,
    status: 201,
  },
  { command: `${admin}/upstreams/100 ${key} -X PATCH -i -d ' ${node(1981)}'`, status: 200 },
  {
    command: `${admin}/upstreams/100 ${key} -X PATCH -i -d ' ${node(1980, null)}'`,
    status: 200,
    has: '"nodes":{"127.0.0.1:1981":1}',
  },
  { command: `${admin}/upstreams/100/nodes ${key} -X PATCH -i -d ' {"127.0.0.1:1982": 1}'`, status: 200 },
  // Plugins and their metadata.
  {
    command: `${admin}/plugin_metadata/cors ${key} -i -X PUT -d ' {"allow_origins": {"a": "https://a.example"}}'`,
    status: 201,
  },
  { command: `"${admin}/plugins/list" ${key}`, status: 200, has: '"request-id"' },
  { command: `"${admin}/plugins/key-auth?subsystem=http" ${key}`, status: 200, has: '"hide_credentials"' },
  { command: `${admin}/plugins/reload ${key} -X PUT`, status: 200 },
  // Secrets.
  {
    command: `-i ${admin}/secrets/vault/test2 ${key} -X PUT -d ' {"uri": "http://xxx/get", "prefix" : "apisix", "token" : "apisix"}'`,
    status: 201,
    has: '"id":"vault/test2"',
  },
  {
    command: `-i ${admin}/secrets/aws/test3 ${key} -X PUT -d ' {"endpoint_url": "http://127.0.0.1:4566", "region": "us-east-1", "access_key_id": "access", "secret_access_key": "secret", "session_token": "token"}'`,
    status: 201,
    has: '"key":"/apisix/secrets/aws/test3"',
  },
  {
    command: `-i ${admin}/secrets/gcp/test4 ${key} -X PUT -d ' {"auth_config" : {"client_email": "email@apisix.iam.gserviceaccount.com", "private_key": "private_key", "project_id": "apisix-project", "token_uri": "https://oauth2.googleapis.com/token", "entries_uri": "https://secretmanager.googleapis.com/v1", "scope": ["https://www.googleapis.com/auth/cloud-platform"]}}'`,
    status: 201,
  },
  // Schema validation.
  {
    command: `${admin}/schema/validate/routes ${key} -X POST -i -d '{"uri": 1980, "upstream": {"scheme": "https", "type": "roundrobin", "nodes": {"nghttp2.org": 1}}}'`,
    status: 400,
    has: 'uri: expected a string, found the number 1980',
  },
  // The whole configuration.
  {
    command: `-X GET ${admin}/configs ${key} -H "Accept: application/json"`,
    status: 200,
    has: '"routes_conf_version":0',
  },
  {
    command: `-X PUT ${admin}/configs ${key} -H "Content-Type: application/json" -H "X-Digest: example_string#1" -d '{}'`,
    status: 202,
  },
  {
    command: `-X PUT ${admin}/configs ${key} -H "Content-Type: application/json" -H "X-Digest: example_string#2" -d ' {"routes_conf_version": 1000, "upstreams_conf_version": 1001, "routes": [{"modifiedIndex": 1000, "id": "r1", "uri": "/hello", "upstream_id": "u1"}], "upstreams": [{"modifiedIndex": 1001, "id": "u1", "nodes": {"127.0.0.1:1980": 1, "127.0.0.1:1980": 1}, "type": "roundrobin"}]}'`,
    status: 202,
  },
];

test('the commands of the documentation work with curl', async (t) => {
  const curl = requireProgram(t, 'curl');
  if (curl === undefined) return;
  const lab = await startLab(t);
  const files = certificateFiles(t);
  for (const { command, status, has = '' } of EXAMPLES) {
    const script = `"$curl" -s -w '\n%{http_code}' ${command.replaceAll(':9180/', `:${lab.port}/`)}`;
    const { stdout }: { stdout: string } = await run('sh', ['-c', script], {
      env: { ...process.env, curl, admin_key: ADMIN_KEY, ...files },
    });
    const answer: string = stdout.slice(0, stdout.lastIndexOf('\n'));
    assert.equal(stdout.slice(answer.length + 1), String(status), `curl ${command}\n${answer}`);
    if (typeof has === 'string') assert.ok(answer.includes(has), `curl ${command}\n${answer}`);
    else assert.match(answer, has, command);
  }
});

function certificateFiles(t: TestContext): { readonly cert: string; readonly cert_key: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-examples-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = { cert: path.join(folder, 'server.crt'), cert_key: path.join(folder, 'server.key') };
  writeFileSync(files.cert, PAIR.cert);
  writeFileSync(files.cert_key, PAIR.key);
  return files;
}
