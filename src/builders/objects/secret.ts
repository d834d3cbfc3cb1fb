/** Made by "npm run reference" from the schemas: changes belong there. */

/** A secret manager that $secret:// references are resolved by; its id is MANAGER/ID. */
export interface Secret {
  /** MANAGER/ID. */
  readonly id: string;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** vault: its address. Bounds: not empty. */
  readonly uri?: string;
  /** vault: prefix of the keys. Bounds: not empty. */
  readonly prefix?: string;
  /** vault: its token. Bounds: not empty; never printed. */
  readonly token?: string;
  /** vault: namespace. Bounds: not empty. */
  readonly namespace?: string;
  /** aws: id of the access key. Bounds: not empty. */
  readonly access_key_id?: string;
  /** aws: the access key. Bounds: not empty; never printed. */
  readonly secret_access_key?: string;
  /** aws: temporary token. Bounds: not empty; never printed. */
  readonly session_token?: string;
  /** aws: region, us-east-1 by default. Bounds: not empty. */
  readonly region?: string;
  /** aws: address of the service. Bounds: not empty. */
  readonly endpoint_url?: string;
  /** gcp: the service account. */
  readonly auth_config?: {
    /** Bounds: not empty. */
    readonly client_email: string;
    /** Bounds: not empty; never printed. */
    readonly private_key: string;
    /** Bounds: not empty. */
    readonly project_id: string;
    /** Bounds: not empty. */
    readonly token_uri?: string;
    /** Bounds: not empty. */
    readonly entries_uri?: string;
    /** Bounds: each: not empty. */
    readonly scope?: readonly string[];
  };
  /** gcp: file with the service account. Bounds: not empty. */
  readonly auth_file?: string;
  /** gcp: whether its certificate is verified. */
  readonly ssl_verify?: boolean;
}

/** A secret manager that $secret:// references are resolved by; its id is MANAGER/ID. */
export function secret(attributes: Secret): Secret {
  return attributes;
}
