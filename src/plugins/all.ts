/** The plugins that Gatewright has, by name. */
import type { AnyPlugin } from '../sdk/index.ts';
import acl from './acl/acl.ts';
import apiBreaker from './api-breaker/api-breaker.ts';
import attachConsumerLabel from './attach-consumer-label/attach-consumer-label.ts';
import basicAuth from './basic-auth/basic-auth.ts';
import bulkhead from './bulkhead/bulkhead.ts';
import circuitBreaker from './circuit-breaker/circuit-breaker.ts';
import clientControl from './client-control/client-control.ts';
import consumerRestriction from './consumer-restriction/consumer-restriction.ts';
import cors from './cors/cors.ts';
import debugHeaders from './debug-headers/debug-headers.ts';
import faultInjection from './fault-injection/fault-injection.ts';
import forwardAuth from './forward-auth/forward-auth.ts';
import hmacAuth from './hmac-auth/hmac-auth.ts';
import ipRestriction from './ip-restriction/ip-restriction.ts';
import jweDecrypt from './jwe-decrypt/jwe-decrypt.ts';
import jwtAuth from './jwt-auth/jwt-auth.ts';
import keyAuth from './key-auth/key-auth.ts';
import ldapAuthAdvanced from './ldap-auth-advanced/ldap-auth-advanced.ts';
import ldapAuth from './ldap-auth/ldap-auth.ts';
import limitConn from './limit-conn/limit-conn.ts';
import limitCount from './limit-count/limit-count.ts';
import limitReq from './limit-req/limit-req.ts';
import limitTokenBucket from './limit-token-bucket/limit-token-bucket.ts';
import limitUsage from './limit-usage/limit-usage.ts';
import loadShedding from './load-shedding/load-shedding.ts';
import mocking from './mocking/mocking.ts';
import openidConnect from './openid-connect/openid-connect.ts';
import multiAuth from './multi-auth/multi-auth.ts';
import prometheus from './prometheus/prometheus.ts';
import proxyRewrite from './proxy-rewrite/proxy-rewrite.ts';
import publicApi from './public-api/public-api.ts';
import realIp from './real-ip/real-ip.ts';
import redirect from './redirect/redirect.ts';
import refererRestriction from './referer-restriction/referer-restriction.ts';
import requestId from './request-id/request-id.ts';
import requestValidation from './request-validation/request-validation.ts';
import responseRewrite from './response-rewrite/response-rewrite.ts';
import trafficSplit from './traffic-split/traffic-split.ts';
import uaRestriction from './ua-restriction/ua-restriction.ts';
import upstreamHttp2 from './upstream-http2/upstream-http2.ts';
import upstreamProxyProtocol from './upstream-proxy-protocol/upstream-proxy-protocol.ts';
import uriBlocker from './uri-blocker/uri-blocker.ts';
import workflow from './workflow/workflow.ts';

export const ALL_PLUGINS: readonly AnyPlugin[] = [
  acl,
  apiBreaker,
  attachConsumerLabel,
  basicAuth,
  bulkhead,
  circuitBreaker,
  clientControl,
  consumerRestriction,
  cors,
  debugHeaders,
  faultInjection,
  forwardAuth,
  hmacAuth,
  ipRestriction,
  jweDecrypt,
  jwtAuth,
  keyAuth,
  ldapAuth,
  ldapAuthAdvanced,
  limitConn,
  limitCount,
  limitReq,
  limitTokenBucket,
  limitUsage,
  loadShedding,
  mocking,
  openidConnect,
  multiAuth,
  prometheus,
  proxyRewrite,
  publicApi,
  realIp,
  redirect,
  refererRestriction,
  requestId,
  requestValidation,
  responseRewrite,
  trafficSplit,
  uaRestriction,
  upstreamHttp2,
  upstreamProxyProtocol,
  uriBlocker,
  workflow,
];
