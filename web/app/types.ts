/** What the page's own modules share. Types only: nothing here is ever loaded. */
export {};

declare global {
  type Child = Node | string | false | null | undefined;
  /** Attributes by name, and listeners as `onclick`. */
  type Props = { [name: `on${string}`]: (event: any) => any; [name: string]: any };

  /** Make an element. */
  type Make = <Tag extends keyof HTMLElementTagNameMap>(tag: Tag, props?: Props, ...children: Child[]) => HTMLElementTagNameMap[Tag];
  type Fill = <Parent extends Element>(parent: Parent, ...children: Child[]) => Parent;
  type MakeField = (label: string, tag: keyof HTMLElementTagNameMap, props: Props, ...children: Child[]) => HTMLLabelElement;
  /** `act` gets what was entered; where it fails, the form says so. */
  type MakeForm = (label: string, act: (values: Record<string, string>) => Promise<any>, ...fields: Child[]) => HTMLFormElement;
  type ShowDialog = (title: string, ...children: Child[]) => HTMLDialogElement;
  /** Give something the colours of a room or a person. */
  type Paint = <Painted extends HTMLElement>(node: Painted, color: string) => Painted;
  /** A picture or initials, for the eye only. */
  type MakeFace = (person: { id?: string | null; name: string; avatar?: string | null }) => HTMLElement;
  /** Show items. What is shown of one with the same key is kept, and told of the new item by `update`. */
  type ShowList = <Item>(
    parent: Element & { kept?: Map<string, Row<Item>> },
    items: readonly Item[],
    key: (item: Item) => string,
    make: (item: Item) => Row<Item>,
  ) => void;
  type Row<Item> = Element & { update?: (item: Item) => void };

  type Settings = { api: string; signIn: SignInSettings; rtc?: RTCConfiguration };
  type SignInSettings = {
    kind: "local" | "oidc";
    authorizationEndpoint: string;
    tokenEndpoint: string;
    clientId: string;
    scope?: string;
    /** Which of the tokens the API takes. */
    token?: "access_token" | "id_token";
    /** What else the provider wants to be asked with. */
    parameters?: Record<string, string>;
  };

  type App = import("./main.js").App;
  type Room = import("../sdk/wire.js").Room;
  type RoomState = import("../sdk/wire.js").RoomState;
  type RoomSummary = import("../sdk/wire.js").RoomSummary;
  type Message = import("../sdk/wire.js").RoomMessage;
  type Pending = import("../sdk/wire.js").Pending;
  type Person = import("../sdk/wire.js").Participant;
  type Profile = import("../sdk/wire.js").Profile;
  type Device = import("../sdk/voice-types.js").Device;
}
