import { expect, test } from "bun:test";
import { customiseBody } from "./customise.tsx";

test("empty fields are left to the image", () => {
  expect(customiseBody({})).toBeUndefined();
  expect(customiseBody({ hostname: "", user: "" })).toBeUndefined();
  expect(customiseBody({ hostname: "kitchen", user: "" })).toEqual({ hostname: "kitchen" });
});

test("a key and a WiFi take the API's form", () => {
  expect(
    customiseBody({ key: "ssh-ed25519 A", ssid: "Lab", wifi_password: "secret99", country: "DE" }),
  ).toEqual({
    ssh_keys: ["ssh-ed25519 A"],
    wifi: { ssid: "Lab", password: "secret99", country: "DE" },
  });
});
