/** Answers to a login, RFC 7143 section 11.13.5: class in the high byte, detail in the low one. */
export const LOGIN_STATUS = {
  success: 0x0000,
  movedTemporarily: 0x0101,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;

/** Without the redirection, which needs an address and is `Target.redirect`. */
export type LoginStatus = Exclude<keyof typeof LOGIN_STATUS, "movedTemporarily">;
