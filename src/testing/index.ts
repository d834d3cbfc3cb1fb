/** `gatewright/sdk/testing`: whole gateways in tests, without a socket and without waiting. */
export { ConfigurationError } from '../config/configuration-error.ts';
export type { ConfigurationSource } from './compiled-configuration.ts';
export { HandshakeRefused } from './client-tls.ts';
export { testGateway } from './test-gateway.ts';
export type { TestClock, TestGateway, TestGatewayOptions } from './test-gateway.ts';
export type { Answer, AnswerOrShort } from './answer.ts';
export type { Duration } from './duration.ts';
export type { Answers, NodeScript, SeenRequest } from './node-script.ts';
export type { Upstreams } from './nodes.ts';
export type { TestResult } from './result.ts';
export type { Effects, HttpAsked, HttpEffect } from './scripted-clients.ts';
export type { Names, NameScript } from './scripted-names.ts';
export type { LogLine } from './surroundings.ts';
export type { ClientCertificate, ClientTls, RequestOptions } from './test-client.ts';
export type { ToldAttempt, ToldExchange, ToldLimit } from './told.ts';
