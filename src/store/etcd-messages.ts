/** Messages of etcd's HTTP/JSON gateway: 64-bit numbers are texts there, keys and values base64, and zeros are left out. */
import { StoreError } from './store-error.ts';

export interface EtcdHeader {
  readonly cluster_id?: string;
  readonly revision?: string;
}

export interface EtcdKeyValue {
  readonly key: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
}

export interface RangeResponse {
  readonly header?: EtcdHeader;
  readonly kvs?: readonly EtcdKeyValue[];
  readonly more?: boolean;
}

export interface TxnResponse {
  readonly header?: EtcdHeader;
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: RangeResponse }[];
}

export interface EtcdEvent {
  /** Absent for a put. */
  readonly type?: 'PUT' | 'DELETE';
  readonly kv: EtcdKeyValue;
}

export interface WatchResponse {
  readonly header?: EtcdHeader;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly cancel_reason?: string;
  readonly compact_revision?: string;
  readonly events?: readonly EtcdEvent[];
}

export interface EtcdProblem {
  readonly error?: string | { readonly message?: string; readonly grpc_code?: number };
  readonly message?: string;
  readonly code?: number;
}

/** Codes of gRPC: https://grpc.io/docs/guides/status-codes/ */
const GRPC = { deadline: 4, forbidden: 7, exhausted: 8, unavailable: 14, unauthenticated: 16 } as const;

export const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const decode = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');
export const numberOf = (text: string | undefined): number => Number(text ?? 0);

/** The end of the range of all keys that begin with `prefix`. */
export function rangeEnd(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8');
  // Prefixes end with a slash: no byte overflows.
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) + 1;
  return bytes.toString('base64');
}

/** etcd answered that it would not. */
export class EtcdRefusal extends Error {
  override readonly name = 'EtcdRefusal';
  readonly grpcCode: number;
  readonly httpStatus: number;

  constructor(httpStatus: number, problem: EtcdProblem) {
    const nested = typeof problem.error === 'object' ? problem.error : undefined;
    const text = nested?.message ?? problem.message ?? (typeof problem.error === 'string' ? problem.error : '');
    super(text === '' ? `HTTP status ${httpStatus}` : text.slice(0, 300));
    this.httpStatus = httpStatus;
    this.grpcCode = nested?.grpc_code ?? problem.code ?? 0;
  }

  /** The token is no longer good: etcd restarted, it expired, or users were changed. */
  get isStaleToken(): boolean {
    return this.grpcCode === GRPC.unauthenticated || /invalid auth token|revision in header is old/.test(this.message);
  }

  /** Another member may do better: this one has no leader, or is stopping. */
  get isTemporary(): boolean {
    return (
      this.grpcCode === GRPC.unavailable ||
      this.grpcCode === GRPC.deadline ||
      (this.grpcCode === 0 && this.httpStatus >= 500)
    );
  }
}

/** @param where the endpoint that refused */
export function refusalError(refusal: EtcdRefusal, where: string): StoreError {
  const { message, grpcCode } = refusal;
  const details = { cause: refusal };
  const text = `etcd at ${where}: ${message}`;
  if (/database space exceeded/.test(message))
    return new StoreError('full', `${text}: compact and defragment it`, details);
  if (/request is too large|larger than max|too many operations/.test(message)) {
    return new StoreError('too_large', `${text}: its limits are --max-request-bytes and --max-txn-ops`, details);
  }
  if (grpcCode === GRPC.forbidden)
    return new StoreError('unavailable', `${text}: the user lacks a role for the prefix`, details);
  return new StoreError('unavailable', text, { ...details, isOutcomeUnknown: refusal.isTemporary });
}
